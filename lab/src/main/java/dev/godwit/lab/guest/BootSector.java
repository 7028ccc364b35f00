package dev.godwit.lab.guest;

import java.util.Arrays;
import java.util.Map;

/**
 * A guest in one disk sector: it keeps dirtying and checking a working set and says so on the first
 * serial port.
 *
 * <p>Each tick it writes some pages of its working set, round robin, having checked each before it
 * overwrites it, and checks some others, round robin too. Every write gives a page the next
 * sequence number. That number is the page's first 32-bit word and seeds all the others, it is kept
 * in a table at 1 MiB, and what it must be also follows from the CPU's registers alone; the number
 * of the last tick is kept in memory and in a register. So the guest finds a page that was left
 * behind although it is consistent in itself, a torn page, a single flipped bit and a table that
 * does not match.
 *
 * <p>Its lines are {@code T} and the number of the tick, from 1 on without a gap, and {@code F}
 * with an address, what it expected there and what it found; all numbers are eight hexadecimal
 * digits. After {@code F} it halts, so that memory stays as it was found. The tick comes from the
 * timer and the guest sleeps between ticks; work that takes longer than a tick makes it skip ticks
 * of the timer and never a number. It runs in 32-bit protected mode without paging and alike under
 * TCG and KVM. Memory outside the working set and the table it does not check.
 *
 * @param memoryMiB the guest's memory, which it needs to know only to fill it
 * @param firstPage the first 4 KiB page of the working set, above the table
 * @param pages how many pages the working set has
 * @param dirtyPagesPerTick how many of them are written a tick, possibly none
 * @param checkedPagesPerTick how many of them are checked a tick in addition to those
 * @param ticksPerSecond how often the timer ticks, 19 to 1000
 * @param fill what the guest puts into the memory above its working set before the first tick
 */
public record BootSector(
    int memoryMiB,
    int firstPage,
    int pages,
    int dirtyPagesPerTick,
    int checkedPagesPerTick,
    int ticksPerSecond,
    Fill fill) {

  /** What the memory above the working set holds. */
  public enum Fill {
    /** Nothing: zeroes, as the machine started. */
    ZERO,
    /** Words that do not compress and are not zero. */
    RANDOM
  }

  /** Bytes of a page and of every address computation here. */
  public static final int PAGE_BYTES = 4096;

  /** Bytes of the image: one sector, all that a BIOS loads. */
  public static final int IMAGE_BYTES = 512;

  private static final int CODE_BYTES = IMAGE_BYTES - 2;
  private static final int TIMER_HERTZ = 1_193_182;
  private static final int SLOWEST_TIMER = 19; // a divisor of 16 bits ends here
  private static final int FASTEST_TIMER = 1000; // a tick line takes 22 port accesses
  private static final int CHECK_ALL_IN_TICKS = 64;
  private static final int MOST_MEMORY_MIB = 3072; // above it a PC has its hole for devices

  /**
   * Checks that the table and the working set fit into the memory.
   *
   * @throws IllegalArgumentException saying what does not fit
   */
  public BootSector {
    require(
        memoryMiB >= 3 && memoryMiB <= MOST_MEMORY_MIB,
        "The guest takes 3 to 3072 MiB of memory, not " + memoryMiB);
    require(pages >= 1, "The working set needs at least 1 page, not " + pages);
    require(
        (long) firstPage * PAGE_BYTES >= BootSectorListing.TABLE + 4L * pages,
        "A working set of "
            + pages
            + " pages cannot begin at page "
            + firstPage
            + ", where its table is");
    require(
        ((long) firstPage + pages) * PAGE_BYTES <= (long) memoryMiB << 20,
        "A working set of "
            + pages
            + " pages from page "
            + firstPage
            + " on does not fit into "
            + memoryMiB
            + " MiB");
    require(
        dirtyPagesPerTick >= 0, "The guest cannot dirty " + dirtyPagesPerTick + " pages a tick");
    require(
        checkedPagesPerTick >= 1,
        "The guest checks at least 1 page a tick, not " + checkedPagesPerTick);
    require(
        ticksPerSecond >= SLOWEST_TIMER && ticksPerSecond <= FASTEST_TIMER,
        "The timer ticks 19 to 1000 times a second, not " + ticksPerSecond);
  }

  /**
   * A guest of 100 ticks a second that dirties 64 KiB a tick, checks its whole working set in 64
   * ticks and leaves the rest of its memory zero.
   */
  public static BootSector of(int memoryMiB, int workingSetMiB) {
    int pages = Math.multiplyExact(workingSetMiB, (1 << 20) / PAGE_BYTES);
    int tableBytes = Math.multiplyExact(4, pages);
    int firstPage = Math.max(512, Math.ceilDiv(BootSectorListing.TABLE + tableBytes, PAGE_BYTES));
    return new BootSector(
        memoryMiB, firstPage, pages, 16, Math.ceilDiv(pages, CHECK_ALL_IN_TICKS), 100, Fill.ZERO);
  }

  /** The same guest with another number of pages written a tick. */
  public BootSector dirtying(int pagesPerTick) {
    return new BootSector(
        memoryMiB, firstPage, pages, pagesPerTick, checkedPagesPerTick, ticksPerSecond, fill);
  }

  /** The same guest with another number of pages checked a tick. */
  public BootSector checking(int pagesPerTick) {
    return new BootSector(
        memoryMiB, firstPage, pages, dirtyPagesPerTick, pagesPerTick, ticksPerSecond, fill);
  }

  /** The same guest with another timer. */
  public BootSector ticking(int perSecond) {
    return new BootSector(
        memoryMiB, firstPage, pages, dirtyPagesPerTick, checkedPagesPerTick, perSecond, fill);
  }

  /** The same guest with something else above its working set. */
  public BootSector filled(Fill with) {
    return new BootSector(
        memoryMiB, firstPage, pages, dirtyPagesPerTick, checkedPagesPerTick, ticksPerSecond, with);
  }

  /** Address of the first byte of the working set. */
  public long workingSetFrom() {
    return (long) firstPage * PAGE_BYTES;
  }

  /** Address of the first byte after the working set. */
  public long workingSetTo() {
    return workingSetFrom() + (long) pages * PAGE_BYTES;
  }

  /** What the guest dirties, as long as its CPU keeps up. */
  public long dirtyBytesPerSecond() {
    return (long) dirtyPagesPerTick * PAGE_BYTES * ticksPerSecond;
  }

  /** Ticks after which every page has been checked at least once since any moment. */
  public int ticksToCheckAll() {
    return Math.ceilDiv(pages, checkedPagesPerTick);
  }

  /** The sector, a new array of {@value #IMAGE_BYTES} bytes. */
  public byte[] image() {
    int divisor = Math.round((float) TIMER_HERTZ / ticksPerSecond);
    byte[] code =
        BootSectorListing.assemble(
            Map.of(
                "base",
                (int) workingSetFrom(),
                "pages",
                pages,
                "dirty",
                dirtyPagesPerTick,
                "checks",
                checkedPagesPerTick,
                "divisorLow",
                divisor & 0xFF,
                "divisorHigh",
                divisor >> 8,
                "fillFrom",
                (int) workingSetTo(),
                "fillTo",
                fill == Fill.RANDOM ? memoryMiB << 20 : 0));
    if (code.length > CODE_BYTES) {
      throw new IllegalStateException(
          "The guest's code has grown to " + code.length + " bytes, more than a sector");
    }
    byte[] image = Arrays.copyOf(code, IMAGE_BYTES);
    image[CODE_BYTES] = 0x55;
    image[CODE_BYTES + 1] = (byte) 0xAA;
    return image;
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
