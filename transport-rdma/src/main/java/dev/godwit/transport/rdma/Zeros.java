package dev.godwit.transport.rdma;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** Looks for zeros in memory, page by page. Safe for use by many threads; allocates nothing. */
final class Zeros {
  /** What is zero or is not as a whole: a page of most targets. */
  private static final int PAGE_BYTES = 4096;

  private Zeros() {}

  /**
   * How many of {@code length} bytes at {@code offset} are in pages of zeros before the first that
   * is not, counted from {@code offset}. Memory that changes meanwhile is judged by what each byte
   * was at some moment.
   */
  static long zeros(MemorySegment memory, long offset, long length) {
    return same(memory, offset, length, true);
  }

  /** As {@link #zeros}, of pages that are not zero before the first that is. */
  static long others(MemorySegment memory, long offset, long length) {
    return same(memory, offset, length, false);
  }

  private static long same(MemorySegment memory, long offset, long length, boolean zero) {
    long done = 0;
    while (done < length) {
      int page = (int) Math.min(PAGE_BYTES, length - done);
      if (isZero(memory, offset + done, page) != zero) {
        return done;
      }
      done += page;
    }
    return length;
  }

  private static boolean isZero(MemorySegment memory, long offset, int length) {
    int longs = length & -Long.BYTES;
    // Most pages that are not zero do not begin with zero either.
    if (longs > 0 && memory.get(JAVA_LONG_UNALIGNED, offset) != 0) {
      return false;
    }
    for (int i = longs; i < length; i++) {
      if (memory.get(JAVA_BYTE, offset + i) != 0) {
        return false;
      }
    }
    return hasOnlyZeros(memory, offset, longs);
  }

  /**
   * A loop that the JVM turns into vector instructions. It does so only where something is computed
   * before the reduction, which is why ones are looked for in the complement.
   */
  private static boolean hasOnlyZeros(MemorySegment memory, long offset, int length) {
    long ones = -1;
    for (int i = 0; i < length; i += Long.BYTES) {
      ones &= ~memory.get(JAVA_LONG_UNALIGNED, offset + i);
    }
    return ones == -1;
  }
}
