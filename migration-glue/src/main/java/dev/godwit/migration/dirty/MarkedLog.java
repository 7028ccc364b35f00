package dev.godwit.migration.dirty;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.DirtyRuns;
import dev.godwit.migration.guest.GuestException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A dirty log for guests that mark their own writes: any thread marks, one takes. It is atomic.
 * Taking costs what is dirty, and a look at one bit for each 512 pages.
 */
public final class MarkedLog implements DirtyLog {
  private final List<RamBlock> blocks;
  private final int[] pageShifts;
  private volatile Marks @Nullable [] marks;

  /**
   * @param blocks all of the guest's, in its order
   */
  public MarkedLog(List<RamBlock> blocks) {
    this.blocks = List.copyOf(blocks);
    this.pageShifts =
        blocks.stream().mapToInt(b -> Integer.numberOfTrailingZeros(b.pageBytes())).toArray();
  }

  /**
   * Says that bytes were changed. Called after the change, by the thread that made it; a guest is
   * paused only when all its threads have returned from here. While the log is not started this
   * costs a fence and a read.
   *
   * @param block its number
   * @param offset in the block, in bytes; need not be a page's
   * @param length in bytes
   * @throws IndexOutOfBoundsException if not all of them are bytes of the block
   */
  public void mark(int block, long offset, long length) {
    // Without it the change could still be on its way to memory when a log that starts now, and is
    // not seen here, begins to be relied on: it would be in no page that is read and in no log.
    VarHandle.fullFence();
    Marks[] marks = this.marks;
    if (marks == null) {
      return;
    }
    Objects.checkFromIndexSize(offset, length, blocks.get(block).lengthBytes());
    if (length > 0) {
      int shift = pageShifts[block];
      marks[block].mark(offset >>> shift, ((offset + length - 1) >>> shift) + 1);
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws GuestException if it is started
   */
  @Override
  public void start() throws GuestException {
    if (marks != null) {
      throw new GuestException("The dirty log is in use");
    }
    Marks[] clean = new Marks[blocks.size()];
    for (int i = 0; i < clean.length; i++) {
      clean[i] = new Marks(blocks.get(i).pages());
    }
    marks = clean;
  }

  @Override
  public void stop() {
    marks = null;
  }

  @Override
  public boolean isAtomic() {
    return true;
  }

  /**
   * {@inheritDoc}
   *
   * @throws GuestException if it is not started
   */
  @Override
  public void takeAndClear(int block, DirtyRuns found) throws GuestException {
    Marks[] marks = this.marks;
    if (marks == null) {
      throw new GuestException("The dirty log is not started");
    }
    int shift = pageShifts[block];
    marks[block].take((first, end) -> found.run(first << shift, (end - first) << shift));
  }

  /** Is told of pages. */
  private interface Pages {
    void run(long first, long end);
  }

  /**
   * The marks of one block: one bit a page, and above them one bit for each group of eight words,
   * as much as a cache line holds.
   *
   * <p>Whoever marks sets the page's bit, then looks at the group's and sets it if it is not set.
   * Whoever takes clears the group's, then the page's. All of these are in one order that everybody
   * sees (volatile accesses are). So a page's bit is never left without its group's: if the marker
   * found the group's bit set, then either it was not cleared yet, and the taker, who clears it
   * later, takes the page's bit later still, which was set before; or it was set again after that,
   * and the next taker comes by. A group's bit without a page's costs a look at eight words.
   *
   * <p>A page's bit is always set by one step that reads and writes, never left because it is set:
   * the taker that clears it has to see the change that was made before.
   */
  private static final class Marks {
    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int GROUP_SHIFT = 3;
    private static final int GROUP_WORDS = 1 << GROUP_SHIFT;

    private final long[] words;
    private final long[] groups;

    Marks(long pages) {
      long length = (pages + Long.SIZE - 1) >>> 6;
      long whole = (length + GROUP_WORDS - 1) & -GROUP_WORDS;
      this.words = new long[Math.toIntExact(whole)];
      this.groups = new long[((words.length >>> GROUP_SHIFT) + Long.SIZE - 1) >>> 6];
    }

    void mark(long first, long end) {
      for (long at = first; at < end; ) {
        long next = Math.min(end, (at | (Long.SIZE - 1)) + 1);
        int word = (int) (at >>> 6);
        long ones = -1L << at & -1L >>> -next;
        WORDS.getAndBitwiseOr(words, word, ones);
        markGroup(word >>> GROUP_SHIFT);
        at = next;
      }
    }

    private void markGroup(int group) {
      long bit = 1L << group;
      if (((long) WORDS.getVolatile(groups, group >>> 6) & bit) == 0) {
        WORDS.getAndBitwiseOr(groups, group >>> 6, bit);
      }
    }

    /** Tells of all pages; if {@code found} throws, that run and all later ones are marked. */
    void take(Pages found) {
      Run run = new Run();
      try {
        for (int i = 0; i < groups.length; i++) {
          if ((long) WORDS.getVolatile(groups, i) != 0) {
            takeGroups(i, run, found);
          }
        }
        run.tell(found);
      } catch (RuntimeException | Error e) {
        mark(run.first, run.end);
        throw e;
      }
    }

    private void takeGroups(int index, Run run, Pages found) {
      long set = (long) WORDS.getAndSet(groups, index, 0L);
      try {
        for (; set != 0; set &= set - 1) {
          int word = (index * Long.SIZE + Long.numberOfTrailingZeros(set)) << GROUP_SHIFT;
          for (int i = 0; i < GROUP_WORDS; i++) {
            takeWord(word + i, run, found);
          }
        }
      } catch (RuntimeException | Error e) {
        WORDS.getAndBitwiseOr(groups, index, set);
        throw e;
      }
    }

    private void takeWord(int word, Run run, Pages found) {
      if ((long) WORDS.getVolatile(words, word) == 0) {
        return;
      }
      long bits = (long) WORDS.getAndSet(words, word, 0L);
      try {
        while (bits != 0) {
          int from = Long.numberOfTrailingZeros(bits);
          long above = ~(bits >>> from) << from;
          int to = above == 0 ? Long.SIZE : Long.numberOfTrailingZeros(above);
          run.add(((long) word << 6) + from, ((long) word << 6) + to, found);
          bits = to == Long.SIZE ? 0 : bits & -1L << to;
        }
      } catch (RuntimeException | Error e) {
        WORDS.getAndBitwiseOr(words, word, bits);
        throw e;
      }
    }
  }

  /** Pages that were found and not told yet, as long as others adjoin them. */
  private static final class Run {
    private long first;
    private long end;

    void add(long from, long to, Pages found) {
      if (from != end || first == end) {
        tell(found);
        first = from;
      }
      end = to;
    }

    void tell(Pages found) {
      if (first < end) {
        found.run(first, end);
        first = end;
      }
    }
  }
}
