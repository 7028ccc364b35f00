package dev.godwit.channel.ram;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** Finds and makes memory of zeroes. Safe for use by many threads; allocates nothing. */
public final class ZeroPages {
  /** What is looked at before the next decision: a page of most targets. */
  private static final int STEP_BYTES = 4096;

  private ZeroPages() {}

  /**
   * Whether {@code length} bytes are zero; a multiple of 64. Memory that changes meanwhile is
   * judged by what it was at some moment.
   */
  public static boolean isZero(MemorySegment memory, long offset, long length) {
    long end = offset + length;
    for (long at = offset; at < end; at += STEP_BYTES) {
      // Most pages that are not zero do not begin with zero either.
      if (memory.get(JAVA_LONG_UNALIGNED, at) != 0
          || !hasOnlyZeroes(memory, at, (int) Math.min(STEP_BYTES, end - at))) {
        return false;
      }
    }
    return true;
  }

  /**
   * A loop that the JVM turns into vector instructions. It does so only where something is computed
   * before the reduction, which is why ones are looked for in the complement.
   */
  private static boolean hasOnlyZeroes(MemorySegment memory, long offset, int length) {
    long ones = -1;
    for (int i = 0; i < length; i += Long.BYTES) {
      ones &= ~memory.get(JAVA_LONG_UNALIGNED, offset + i);
    }
    return ones == -1;
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
