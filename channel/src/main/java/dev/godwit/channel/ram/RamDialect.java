package dev.godwit.channel.ram;

/**
 * Which records a RAM section may hold besides those that every version knows. What a source sends
 * follows its version and its machine type; a destination reads what its own version knows.
 */
public enum RamDialect {
  /** As 7.2: compressed pages, any fill byte, no flush mark. */
  QEMU_7_2(true, false, true),
  /** As 10.0: flush marks, pages filled with zero only, no compressed pages. */
  QEMU_10_0(false, true, false),
  /** All that either writes: for a reader that does not know who writes. */
  ANY(true, true, true);

  private final boolean compressedPages;
  private final boolean flushMarks;
  private final boolean anyFill;

  RamDialect(boolean compressedPages, boolean flushMarks, boolean anyFill) {
    this.compressedPages = compressedPages;
    this.flushMarks = flushMarks;
    this.anyFill = anyFill;
  }

  public boolean hasCompressedPages() {
    return compressedPages;
  }

  public boolean hasFlushMarks() {
    return flushMarks;
  }

  /** Whether a ZERO record may fill with another byte than 0. */
  public boolean hasAnyFill() {
    return anyFill;
  }
}
