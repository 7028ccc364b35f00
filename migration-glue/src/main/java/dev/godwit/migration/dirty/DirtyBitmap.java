package dev.godwit.migration.dirty;

import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One bit a page of one RAM block. Marking and walking cost what is dirty, not what exists. One
 * thread at a time uses it.
 *
 * <pre>
 *   top     one bit a chunk: something in it is dirty
 *   chunk   4096 pages: 64 words of one bit a page, then a word of one bit a word
 * </pre>
 *
 * A chunk exists only where something is dirty; chunks that are dirty from end to end may share
 * one.
 */
public final class DirtyBitmap {
  private static final int CHUNK_SHIFT = 12;
  private static final int CHUNK_PAGES = 1 << CHUNK_SHIFT;
  private static final int WORDS = CHUNK_PAGES / Long.SIZE;

  /** Index of the word that tells which others hold a bit. */
  private static final int SUMMARY = WORDS;

  /** Emptied chunks that are kept for the next mark; 133 KiB at most. */
  private static final int SPARE_CHUNKS = 256;

  /** Is told of dirty pages, which are clean by then. */
  @FunctionalInterface
  public interface PageRuns {
    /**
     * @param count at least 1
     */
    void run(long firstPage, long count) throws IOException;
  }

  private final long pages;
  private final long[] top;
  private final long[] @Nullable [] chunks;

  /** Stands for every chunk that is dirty from end to end; never written to. */
  private final long[] full = new long[WORDS + 1];

  private final long[] @Nullable [] spare = new long[SPARE_CHUNKS][];
  private int spares;
  private long count;

  /**
   * @param pages of the block, at least 0; nothing is dirty
   */
  public DirtyBitmap(long pages) {
    if (pages < 0 || pages > (long) Integer.MAX_VALUE << CHUNK_SHIFT) {
      throw new IllegalArgumentException("A RAM block cannot have " + pages + " pages");
    }
    this.pages = pages;
    int length = (int) ((pages + CHUNK_PAGES - 1) >>> CHUNK_SHIFT);
    this.chunks = new long[length][];
    this.top = new long[(length + Long.SIZE - 1) / Long.SIZE];
    Arrays.fill(full, -1L);
  }

  /**
   * Marks pages as dirty; those that are stay so.
   *
   * @throws IndexOutOfBoundsException if not all are pages of the block
   */
  public void mark(long firstPage, long count) {
    Objects.checkFromIndexSize(firstPage, count, pages);
    long end = firstPage + count;
    for (long at = firstPage; at < end; ) {
      int index = (int) (at >>> CHUNK_SHIFT);
      int from = (int) at & (CHUNK_PAGES - 1);
      int to = (int) Math.min(CHUNK_PAGES, from + (end - at));
      markChunk(index, from, to);
      at += to - from;
    }
  }

  /** Marks every page. */
  public void markAll() {
    mark(0, pages);
  }

  /** How many pages are dirty; known without a walk. */
  public long count() {
    return count;
  }

  /**
   * @throws IndexOutOfBoundsException if there is no such page
   */
  public boolean isDirty(long page) {
    Objects.checkIndex(page, pages);
    long[] chunk = chunks[(int) (page >>> CHUNK_SHIFT)];
    return chunk != null && (chunk[wordOf(page)] >>> page & 1) != 0;
  }

  /**
   * Hands on all dirty pages, as few runs as there can be, in ascending order. The pages of a run
   * are clean before it is handed on. If {@code found} throws, that run and all later ones are
   * dirty after it. It may mark pages: those behind its own are handed on too, the others stay for
   * the next call.
   */
  public void takeRuns(PageRuns found) throws IOException {
    for (long first = nextDirty(0); first >= 0; ) {
      long end = clearRun(first);
      boolean taken = false;
      try {
        found.run(first, end - first);
        taken = true;
      } finally {
        if (!taken) {
          mark(first, end - first);
        }
      }
      first = nextDirty(end);
    }
  }

  /** The first dirty page from a page on, or -1; {@code from} may be the end of the block. */
  long nextDirty(long from) {
    if (from >= pages) {
      return -1;
    }
    int index = (int) (from >>> CHUNK_SHIFT);
    long[] chunk = chunks[index];
    if (chunk != null) {
      int word = wordOf(from);
      long bits = chunk[word] & -1L << from;
      if (bits == 0) {
        long words = chunk[SUMMARY] & -2L << word;
        if (words != 0) {
          word = Long.numberOfTrailingZeros(words);
          bits = chunk[word];
        }
      }
      if (bits != 0) {
        return pageOf(index, word, bits);
      }
    }
    return firstOfChunks(index + 1);
  }

  private long firstOfChunks(int from) {
    long mask = -1L << from;
    for (int t = from >>> 6; t < top.length; t++, mask = -1L) {
      long bits = top[t] & mask;
      if (bits != 0) {
        int index = t * Long.SIZE + Long.numberOfTrailingZeros(bits);
        long[] chunk = Objects.requireNonNull(chunks[index]);
        int word = Long.numberOfTrailingZeros(chunk[SUMMARY]);
        return pageOf(index, word, chunk[word]);
      }
    }
    return -1;
  }

  /**
   * Clears the dirty pages from a dirty one on up to the next clean one.
   *
   * @return the first page behind them
   */
  long clearRun(long first) {
    long at = first;
    while (at < pages) {
      int index = (int) (at >>> CHUNK_SHIFT);
      long[] chunk = chunks[index];
      if (chunk == null) {
        break;
      }
      if (isFull(chunk)) {
        if ((at & (CHUNK_PAGES - 1)) == 0) {
          release(index);
          at += CHUNK_PAGES;
          continue;
        }
        chunk = full.clone();
        chunks[index] = chunk;
      }
      long next = clearWords(index, chunk, at);
      boolean goesOn = next > at && (next & (CHUNK_PAGES - 1)) == 0;
      at = next;
      if (!goesOn) {
        break;
      }
    }
    count -= at - first;
    return at;
  }

  /** Clears one chunk's part of a run and returns its end. */
  private long clearWords(int index, long[] chunk, long from) {
    long at = from;
    for (int word = wordOf(from); word < WORDS; word++) {
      int bit = (int) at & (Long.SIZE - 1);
      int ones = Long.numberOfTrailingZeros(~(chunk[word] >>> bit));
      chunk[word] &= ~ones(bit, bit + ones);
      at += ones;
      if (chunk[word] == 0) {
        chunk[SUMMARY] &= ~(1L << word);
      }
      if (bit + ones < Long.SIZE) {
        break;
      }
    }
    if (chunk[SUMMARY] == 0) {
      release(index);
    }
    return at;
  }

  private void markChunk(int index, int from, int to) {
    long[] chunk = chunks[index];
    if (chunk != null && isFull(chunk)) {
      return;
    }
    if (to - from == CHUNK_PAGES) {
      count += CHUNK_PAGES - (chunk == null ? 0 : release(index));
      chunks[index] = full;
      top[index >>> 6] |= 1L << index;
      return;
    }
    if (chunk == null) {
      chunk = newChunk();
      chunks[index] = chunk;
      top[index >>> 6] |= 1L << index;
    }
    for (int word = from >>> 6; word << 6 < to; word++) {
      int bit = word << 6;
      long ones = ones(Math.max(from - bit, 0), Math.min(to - bit, Long.SIZE));
      count += Long.bitCount(ones & ~chunk[word]);
      chunk[word] |= ones;
      chunk[SUMMARY] |= 1L << word;
    }
  }

  private long[] newChunk() {
    if (spares == 0) {
      return new long[WORDS + 1];
    }
    return Objects.requireNonNull(spare[--spares]);
  }

  /** Takes a chunk out of the table, keeps it if it can, and returns how many pages it had. */
  private int release(int index) {
    long[] chunk = Objects.requireNonNull(chunks[index]);
    chunks[index] = null;
    top[index >>> 6] &= ~(1L << index);
    if (isFull(chunk)) {
      return CHUNK_PAGES;
    }
    int dirty = 0;
    for (long words = chunk[SUMMARY]; words != 0; words &= words - 1) {
      int word = Long.numberOfTrailingZeros(words);
      dirty += Long.bitCount(chunk[word]);
      chunk[word] = 0;
    }
    chunk[SUMMARY] = 0;
    if (spares < SPARE_CHUNKS) {
      spare[spares++] = chunk;
    }
    return dirty;
  }

  @SuppressWarnings("ReferenceEquality") // The shared chunk is told by who it is.
  private boolean isFull(long[] chunk) {
    return chunk == full;
  }

  private static int wordOf(long page) {
    return (int) (page >>> 6) & (WORDS - 1);
  }

  private static long pageOf(int chunk, int word, long bits) {
    return ((long) chunk << CHUNK_SHIFT) + (word << 6) + Long.numberOfTrailingZeros(bits);
  }

  /** Bits {@code from} to {@code to - 1}; {@code from} is below 64, and {@code to} up to 64. */
  private static long ones(int from, int to) {
    return from == to ? 0 : -1L << from & -1L >>> (Long.SIZE - to);
  }
}
