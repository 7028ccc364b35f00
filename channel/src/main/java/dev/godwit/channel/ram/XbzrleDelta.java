package dev.godwit.channel.ram;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The difference of two versions of a page (qemu-wire.md §3.5).
 *
 * <pre>
 * repeat:
 * +-------------------+-----------------------+-----------------------+
 * | ULEB128 unchanged | ULEB128 count, not 0  | count bytes, the new  |
 * | bytes, 0 only     |                       |                       |
 * | at the beginning  |                       |                       |
 * +-------------------+-----------------------+-----------------------+
 * </pre>
 *
 * A count has one or two bytes, the low 7 bits first. What is unchanged at the end is not written.
 */
final class XbzrleDelta {
  private static final int MORE = 0x80;

  /** The longest count in one byte. */
  private static final int SHORT_COUNT = 0x7F;

  /** Unchanged bytes that cost no more as new ones than as an end and a beginning. */
  private static final int WORTH_NO_BREAK = 2;

  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final VarHandle WORDS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long LOW_BITS = 0x0101_0101_0101_0101L;
  private static final long HIGH_BITS = 0x8080_8080_8080_8080L;

  private XbzrleDelta() {}

  /**
   * Writes what turns {@code old} into {@code now} to {@code delta}.
   *
   * @return its length; 0 if nothing changed, -1 if it would be longer than {@code delta}
   */
  static int encode(MemorySegment old, long oldOffset, byte[] now, byte[] delta) {
    int length = 0;
    int end = now.length;
    for (int at = 0; at < end; ) {
      int changed = changedFrom(old, oldOffset, now, at);
      if (changed == end) {
        return length;
      }
      int same = unchangedFrom(old, oldOffset, now, changed + 1);
      int count = same - changed;
      if (length + countBytes(changed - at) + countBytes(count) + count > delta.length) {
        return -1;
      }
      length = putCount(delta, length, changed - at);
      length = putCount(delta, length, count);
      System.arraycopy(now, changed, delta, length, count);
      length += count;
      at = same;
    }
    return length;
  }

  /** The first byte from {@code at} on that differs, or the end. */
  private static int changedFrom(MemorySegment old, long oldOffset, byte[] now, int at) {
    int i = at;
    for (; i + Long.BYTES <= now.length; i += Long.BYTES) {
      long difference = difference(old, oldOffset, now, i);
      if (difference != 0) {
        return i + (Long.numberOfTrailingZeros(difference) >> 3);
      }
    }
    while (i < now.length && !differs(old, oldOffset, now, i)) {
      i++;
    }
    return i;
  }

  /** The first byte from {@code at} on with which a longer run of the same begins, or the end. */
  private static int unchangedFrom(MemorySegment old, long oldOffset, byte[] now, int at) {
    int i = at;
    while (i < now.length) {
      if (i + Long.BYTES <= now.length && !hasZeroByte(difference(old, oldOffset, now, i))) {
        i += Long.BYTES;
        continue;
      }
      if (differs(old, oldOffset, now, i)) {
        i++;
        continue;
      }
      int run = 1;
      while (i + run < now.length
          && run <= WORTH_NO_BREAK
          && !differs(old, oldOffset, now, i + run)) {
        run++;
      }
      if (run > WORTH_NO_BREAK || i + run == now.length) {
        return i;
      }
      i += run;
    }
    return now.length;
  }

  private static boolean differs(MemorySegment old, long oldOffset, byte[] now, int at) {
    return old.get(ValueLayout.JAVA_BYTE, oldOffset + at) != now[at];
  }

  private static long difference(MemorySegment old, long oldOffset, byte[] now, int at) {
    return old.get(WORD, oldOffset + at) ^ (long) WORDS.get(now, at);
  }

  private static boolean hasZeroByte(long word) {
    return ((word - LOW_BITS) & ~word & HIGH_BITS) != 0;
  }

  private static int countBytes(int count) {
    return count > SHORT_COUNT ? 2 : 1;
  }

  private static int putCount(byte[] delta, int at, int count) {
    if (count <= SHORT_COUNT) {
      delta[at] = (byte) count;
      return at + 1;
    }
    delta[at] = (byte) ((count & SHORT_COUNT) | MORE);
    delta[at + 1] = (byte) (count >> 7);
    return at + 2;
  }

  /**
   * Applies the first {@code length} bytes of {@code delta} to a page.
   *
   * @return -1, or where in {@code delta} something cannot be; the page is then half done
   */
  static int apply(byte[] delta, int length, IncomingPage page) {
    int at = 0;
    int place = 0;
    while (at < length) {
      int begin = at;
      int unchanged = count(delta, at, length);
      if (unchanged < 0 || (unchanged == 0 && begin > 0)) {
        return begin;
      }
      at += bytesOfCount(delta, at);
      int countAt = at;
      int count = count(delta, at, length);
      if (count <= 0) {
        return countAt;
      }
      at += bytesOfCount(delta, at);
      place += unchanged;
      if (count > length - at || count > page.pageBytes() - place) {
        return countAt;
      }
      page.set(delta, at, place, count);
      at += count;
      place += count;
    }
    return -1;
  }

  private static int bytesOfCount(byte[] delta, int at) {
    return (delta[at] & MORE) == 0 ? 1 : 2;
  }

  /** The count at {@code at}, or -1 if there is none. */
  private static int count(byte[] delta, int at, int length) {
    if (length - at < 2) {
      return -1;
    }
    if ((delta[at] & MORE) == 0) {
      return delta[at];
    }
    return (delta[at + 1] & MORE) == 0 ? (delta[at] & SHORT_COUNT) | (delta[at + 1] << 7) : -1;
  }
}
