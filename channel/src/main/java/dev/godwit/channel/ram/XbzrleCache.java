package dev.godwit.channel.ram;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What the destination has of pages that are sent again and again, so that only their changes need
 * travel. Many threads may send pages of one guest through it, each page by one of them at a time:
 * a page's place depends on its address alone, so its deltas do not depend on who sends it.
 *
 * <p>Pages hash to shards, each with a lock of its own, and within a shard to sets of {@value
 * #WAYS} places. A set that is full gives up a page that was not sent for two passes, and else
 * takes no other: if all of them were kept in turn, a working set larger than the cache would find
 * nothing.
 */
public final class XbzrleCache implements AutoCloseable {
  /** QEMU's own default for {@code xbzrle-cache-size}. */
  public static final long DEFAULT_BYTES = 64L * 1024 * 1024;

  /** Returned by {@link #delta}: the page was not here, or its delta is no shorter than it is. */
  static final int NO_DELTA = -1;

  private static final int WAYS = 4;
  private static final int MAX_SHARDS = 64;

  /** A page's key, and the pass in which it was last sent. */
  private static final int OVERHEAD_BYTES = Long.BYTES + Integer.BYTES;

  private static final int KEPT_PASSES = 2;
  private static final long GOLDEN_RATIO = 0x9E37_79B9_7F4A_7C15L;

  private final int pageBytes;
  private final int setsOfShard;
  private final Arena arena = Arena.ofShared();
  private final Shard[] shards;

  /**
   * @param ceilingBytes of all memory that it uses; at least for one set of pages
   * @param pageBytes the target's page size
   */
  public XbzrleCache(long ceilingBytes, int pageBytes) {
    long sets = ceilingBytes / ((long) WAYS * (pageBytes + OVERHEAD_BYTES));
    if (sets < 1) {
      throw new IllegalArgumentException(
          "An xbzrle cache of " + ceilingBytes + " bytes holds not even " + WAYS + " pages");
    }
    this.pageBytes = pageBytes;
    shards = new Shard[(int) Math.min(MAX_SHARDS, Long.highestOneBit(sets))];
    setsOfShard = (int) Math.min(sets / shards.length, (Integer.MAX_VALUE - 8) / WAYS);
    int places = setsOfShard * WAYS;
    for (int i = 0; i < shards.length; i++) {
      shards[i] = new Shard(places, arena.allocate((long) places * pageBytes, Long.BYTES));
    }
  }

  /** How much memory it uses. */
  public long bytes() {
    return (long) shards.length * setsOfShard * WAYS * (pageBytes + OVERHEAD_BYTES);
  }

  /**
   * Keeps a page as it is about to be sent, and says what changed.
   *
   * @param now the whole page
   * @param pass which pass over all memory this is
   * @param delta where the changes are written; nothing longer is of use
   * @return the length of the delta, 0 if nothing changed, or {@link #NO_DELTA}
   */
  int delta(int block, long offset, byte[] now, int pass, byte[] delta) {
    long key = key(block, offset);
    Shard shard = shard(key);
    synchronized (shard) {
      int place = shard.placeOf(key, set(key));
      if (place >= 0) {
        shard.lastSent[place] = pass;
        int length = XbzrleDelta.encode(shard.pages, (long) place * pageBytes, now, delta);
        shard.keep(place, now);
        return length;
      }
      place = shard.freePlace(set(key), pass);
      if (place >= 0) {
        shard.keys[place] = key;
        shard.lastSent[place] = pass;
        shard.keep(place, now);
      }
      return NO_DELTA;
    }
  }

  /** A page was sent otherwise, and what is here of it is out of date. */
  void forget(int block, long offset) {
    long key = key(block, offset);
    Shard shard = shard(key);
    synchronized (shard) {
      int place = shard.placeOf(key, set(key));
      if (place >= 0) {
        shard.keys[place] = 0;
      }
    }
  }

  /** Never 0; blocks are far fewer, and pages fewer, than there is room for. */
  private long key(int block, long offset) {
    return (((long) block << 48) | (offset / pageBytes)) + 1;
  }

  private Shard shard(long key) {
    return shards[(int) ((key * GOLDEN_RATIO) >>> 58) & (shards.length - 1)];
  }

  private int set(long key) {
    return (int) ((((key * GOLDEN_RATIO) >>> 20) & Integer.MAX_VALUE) % setsOfShard);
  }

  /** Frees the memory; nobody may be sending. */
  @Override
  public void close() {
    arena.close();
  }

  /** Guarded by itself. */
  private static final class Shard {
    private final long[] keys;
    private final int[] lastSent;
    private final MemorySegment pages;

    Shard(int places, MemorySegment pages) {
      keys = new long[places];
      lastSent = new int[places];
      this.pages = pages;
    }

    int placeOf(long key, int set) {
      for (int place = set * WAYS; place < (set + 1) * WAYS; place++) {
        if (keys[place] == key) {
          return place;
        }
      }
      return -1;
    }

    int freePlace(int set, int pass) {
      int oldest = set * WAYS;
      for (int place = set * WAYS; place < (set + 1) * WAYS; place++) {
        if (keys[place] == 0) {
          return place;
        }
        if (lastSent[place] < lastSent[oldest]) {
          oldest = place;
        }
      }
      return lastSent[oldest] + KEPT_PASSES <= pass ? oldest : -1;
    }

    void keep(int place, byte[] page) {
      MemorySegment.copy(
          page, 0, pages, ValueLayout.JAVA_BYTE, (long) place * page.length, page.length);
    }
  }
}
