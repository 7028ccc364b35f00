package dev.godwit.migration.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A table for people: the first line is its head, the first column begins each line, the others are
 * numbers and end at the same place. Lines are indented but for the head.
 */
public final class Columns {
  private static final String INDENT = "  ";

  private final int textColumns;
  private final List<String[]> rows = new ArrayList<>();

  /**
   * @param textColumns how many columns from the left are text
   */
  public Columns(int textColumns, String... head) {
    this.textColumns = textColumns;
    rows.add(head);
  }

  /** Adds a line of as many cells as the head has. */
  public Columns row(String... cells) {
    rows.add(cells);
    return this;
  }

  /** With separators, such as {@code 1,024}. */
  public static String number(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** Such as {@code 1 page} or {@code 1,024 pages}. */
  static String count(long count, String noun) {
    return number(count) + " " + noun + (count == 1 ? "" : "s");
  }

  /** All lines, the head first. */
  public List<String> lines() {
    int[] widths = new int[rows.getFirst().length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length() + (i == 0 ? INDENT.length() : 0));
      }
    }
    List<String> lines = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      lines.add(line(rows.get(r), widths, r == 0 ? "" : INDENT));
    }
    return lines;
  }

  private String line(String[] row, int[] widths, String indent) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < row.length; i++) {
      String cell = i == 0 ? indent + row[i] : row[i];
      String gap = " ".repeat(widths[i] - cell.length());
      line.append(i == 0 ? "" : INDENT).append(i < textColumns ? cell + gap : gap + cell);
    }
    return line.toString().stripTrailing();
  }
}
