package dev.godwit.channel.image;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Which pages of a block are in the file. Bit {@code i % 64} of word {@code i / 64} is page {@code
 * i}; the words are little-endian, as on every host that QEMU has written such a file on
 * (qemu-wire.md §6).
 *
 * <p>Several threads may set and clear bits at once, those of one word too.
 */
final class PageBitmap {
  private static final VarHandle WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  private static final long ALL = -1L;

  private final MemorySegment memory;
  private final long pages;

  /** A bitmap without any page. */
  PageBitmap(Arena arena, long pages) {
    this.memory = arena.allocate(bytes(pages), Long.BYTES);
    this.pages = pages;
  }

  /** How long the bitmap of that many pages is: whole words. */
  static long bytes(long pages) {
    return Math.ceilDiv(pages, Long.SIZE) * Long.BYTES;
  }

  /** The bitmap as it is in the file. */
  MemorySegment memory() {
    return memory;
  }

  long pages() {
    return pages;
  }

  boolean isSet(long page) {
    return (word(page) >>> page & 1) != 0;
  }

  /** Adds the pages from {@code from} to before {@code to}. */
  void set(long from, long to) {
    for (long page = from; page < to; page = nextWord(page)) {
      WORD.getAndBitwiseOr(memory, offset(page), mask(page, to));
    }
  }

  /** Takes one page out. */
  void clear(long page) {
    if (isSet(page)) {
      WORD.getAndBitwiseAnd(memory, offset(page), ~(1L << page));
    }
  }

  /** The first page from {@code from} on that is set, {@code to} if none before it is. */
  long nextSet(long from, long to) {
    return next(from, to, 0);
  }

  /** The first page from {@code from} on that is not set, {@code to} if none before it is. */
  long nextClear(long from, long to) {
    return next(from, to, ALL);
  }

  /** Whether bits are set behind the last page. */
  boolean exceeds() {
    return pages % Long.SIZE != 0 && word(pages) >>> pages != 0;
  }

  private long next(long from, long to, long inverted) {
    for (long page = from; page < to; page = nextWord(page)) {
      long found = (word(page) ^ inverted) >>> page;
      if (found != 0) {
        return Math.min(to, page + Long.numberOfTrailingZeros(found));
      }
    }
    return to;
  }

  private long word(long page) {
    return (long) WORD.getVolatile(memory, offset(page));
  }

  /** The bits from {@code page} on in its word, before {@code to}. Shifts count modulo 64. */
  private static long mask(long page, long to) {
    long upTo = to < nextWord(page) ? ~(ALL << to) : ALL;
    return ALL << page & upTo;
  }

  private static long offset(long page) {
    return page / Long.SIZE * Long.BYTES;
  }

  private static long nextWord(long page) {
    return (page | Long.SIZE - 1) + 1;
  }
}
