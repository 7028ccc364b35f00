package dev.godwit.channel.ram;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** Finds and makes memory of zeroes. Safe for use by many threads; allocates nothing. */
public final class ZeroPages {
  /** What is looked at before the next decision. */
  private static final int STEP_BYTES = 64;

  private ZeroPages() {}

  /**
   * Whether {@code length} bytes are zero; a multiple of 64. Memory that changes meanwhile is
   * judged by what it was at some moment.
   */
  public static boolean isZero(MemorySegment memory, long offset, long length) {
    long end = offset + length;
    for (long at = offset; at < end; at += STEP_BYTES) {
      long any =
          memory.get(JAVA_LONG_UNALIGNED, at)
              | memory.get(JAVA_LONG_UNALIGNED, at + 8)
              | memory.get(JAVA_LONG_UNALIGNED, at + 16)
              | memory.get(JAVA_LONG_UNALIGNED, at + 24)
              | memory.get(JAVA_LONG_UNALIGNED, at + 32)
              | memory.get(JAVA_LONG_UNALIGNED, at + 40)
              | memory.get(JAVA_LONG_UNALIGNED, at + 48)
              | memory.get(JAVA_LONG_UNALIGNED, at + 56);
      if (any != 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Makes {@code length} bytes zero, a multiple of 64; leaves them alone where all of them are, so
   * that untouched memory takes up no room.
   */
  public static void clear(MemorySegment memory, long offset, long length) {
    if (isZero(memory, offset, length)) {
      return;
    }
    for (long at = offset; at < offset + length; at += Long.BYTES) {
      memory.set(JAVA_LONG_UNALIGNED, at, 0);
    }
  }
}
