package dev.godwit.migration.cli;

/**
 * Text that somebody else wrote, made fit for a terminal: what would move the cursor, change
 * colours or the direction of writing is shown as its number.
 */
final class Printable {
  /** Longer than any name; what is beyond is left out. */
  private static final int MAX_LENGTH = 512;

  private Printable() {}

  static String of(String text) {
    StringBuilder printable = new StringBuilder();
    int end = Math.min(text.length(), MAX_LENGTH);
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if (isHarmless(c)) {
        printable.append(c);
      } else {
        printable.append(String.format(c < 0x100 ? "\\x%02x" : "\\u%04x", (int) c));
      }
    }
    return end < text.length() ? printable + "…" : printable.toString();
  }

  private static boolean isHarmless(char c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
