package dev.godwit.migration.qemu;

/** One of the two QEMUs of a migration. */
public enum Side {
  SOURCE("source"),
  DESTINATION("destination");

  private final String word;

  Side(String word) {
    this.word = word;
  }

  Side other() {
    return this == SOURCE ? DESTINATION : SOURCE;
  }

  @Override
  public String toString() {
    return word;
  }
}
