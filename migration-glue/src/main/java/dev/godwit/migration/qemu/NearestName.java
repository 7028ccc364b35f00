package dev.godwit.migration.qemu;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Finds what a user probably meant by a name that does not exist. */
public final class NearestName {
  private NearestName() {}

  /** The name with the fewest changed letters, unless more than a third of them would change. */
  public static Optional<String> of(String typed, Collection<String> names) {
    return names.stream()
        .min(Comparator.comparingInt(name -> distance(typed, name)))
        .filter(name -> distance(typed, name) <= Math.max(1, typed.length() / 3));
  }

  /** Levenshtein's distance: letters to insert, drop or replace. */
  static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replace = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replace, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
