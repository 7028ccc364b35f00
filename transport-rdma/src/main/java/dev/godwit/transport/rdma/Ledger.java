package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.Extent.State;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Which parts of which regions are registered, under a ceiling that is never exceeded: what is
 * wanted, held or leaving counts. What was used longest ago leaves first, and nothing that is in
 * use. Knows no verbs; a {@link Loader} does the work, never under this ledger's lock. Safe for use
 * by many threads.
 *
 * <p>How much is registered at once adjusts itself: it doubles while requests stay near each other,
 * and halves when they jump.
 */
final class Ledger {
  /** Registers and deregisters; each is answered, at once or later, through the ledger. */
  interface Loader {
    /** Answered by {@link #loaded} or {@link #failed}. */
    void load(Extent extent) throws ChannelException;

    /** Answered by {@link #left}. */
    void unload(Extent extent) throws ChannelException;
  }

  /** A page: nothing smaller can be registered. */
  private static final long GRANULE = 4096;

  /** A ceiling holds at least so many chunks, or each new one would throw out the last. */
  private static final int CHUNKS_UNDER_CEILING = 4;

  private final long ceiling;
  private final long minChunk;
  private final long maxChunk;
  private final Loader loader;
  private final Runnable changed;
  private final List<Area> areas = new ArrayList<>();

  private final AtomicLong version = new AtomicLong();
  private long bytes;
  private long mostBytes;
  private long pinnedBytes;
  private long clock;
  private long loads;
  private long evictions;

  /**
   * @param ceiling in bytes
   * @param minChunk a power of two
   * @param maxChunk a power of two
   * @param changed called without a lock, when somebody who waits may go on
   */
  Ledger(long ceiling, long minChunk, long maxChunk, Loader loader, Runnable changed) {
    long largest = Math.max(GRANULE, Long.highestOneBit(ceiling / CHUNKS_UNDER_CEILING));
    this.ceiling = ceiling;
    this.minChunk = Math.min(minChunk, largest);
    this.maxChunk = Math.max(this.minChunk, Math.min(maxChunk, largest));
    this.loader = loader;
    this.changed = changed;
  }

  /**
   * The extent that has the byte at {@code offset}, in use once more; it may not be held yet, then
   * wait for a change. Null if there is no room now: wait for a change and ask again.
   *
   * @throws IllegalStateException if the area is dropped
   */
  @Nullable Extent claim(Area area, long offset) throws ChannelException {
    while (true) {
      List<Extent> victims;
      Extent fresh;
      synchronized (this) {
        requireKept(area);
        Extent there = area.covering(offset);
        if (there != null) {
          return use(there);
        }
        if (area.preloaded) {
          return null;
        }
        victims = new ArrayList<>();
        fresh = plan(area, offset, victims);
        if (fresh != null) {
          enter(fresh);
        }
      }
      for (Extent victim : victims) {
        loader.unload(victim);
      }
      if (fresh != null) {
        load(fresh);
        return fresh;
      }
      if (!anyGone(victims)) {
        return null;
      }
    }
  }

  /**
   * The registered extent that has the byte at {@code offset}, in use once more, if there is one.
   */
  synchronized @Nullable Extent use(Area area, long offset) {
    Extent there = area.covering(offset);
    return there != null && there.isHeld() && !area.dropped ? use(there) : null;
  }

  /** Whether the byte at {@code offset} is registered. */
  synchronized boolean isHeld(Area area, long offset) {
    Extent there = area.covering(offset);
    return there != null && there.isHeld();
  }

  /** Has what is registered at once begin to grow again from the least. */
  synchronized void restart(Area area) {
    area.chunk = 0;
  }

  /** Grows with every change that somebody may wait for. */
  long version() {
    return version.get();
  }

  private void changed() {
    version.incrementAndGet();
    changed.run();
  }

  private @Nullable Extent use(Extent extent) {
    if (extent.state == State.LEAVING) {
      return null;
    }
    extent.uses++;
    extent.lastUse = ++clock;
    return extent;
  }

  private void load(Extent fresh) throws ChannelException {
    try {
      loader.load(fresh);
    } catch (ChannelException e) {
      failed(fresh, e);
      throw e;
    }
  }

  private static boolean anyGone(List<Extent> victims) {
    for (Extent victim : victims) {
      if (victim.state == State.GONE) {
        return true;
      }
    }
    return false;
  }

  private void requireKept(Area area) {
    if (area.dropped) {
      throw new IllegalStateException("Region " + area.name() + " is closed");
    }
  }

  /** The extent to make, if it fits now; else those that have to leave first. */
  private @Nullable Extent plan(Area area, long offset, List<Extent> victims) {
    long chunk = nextChunk(area, offset);
    int before = area.floor(offset);
    long low = before < 0 ? 0 : area.at(before).end();
    long high = before + 1 < area.count() ? area.at(before + 1).offset : area.length();
    long start = Math.max(low, offset & -chunk);
    long end = Math.min(high, (offset & -chunk) + chunk);
    if (end - start > ceiling - bytes) {
      evict(end - start - (ceiling - bytes), victims);
      // Rather less now than more later, if it is enough to go on with.
      long least = Math.max(low, offset & -minChunk);
      long leastEnd = Math.min(high, (offset & -minChunk) + minChunk);
      if (leastEnd - least > ceiling - bytes) {
        return null;
      }
      if (!victims.isEmpty()) {
        return null;
      }
      start = least;
      end = leastEnd;
    }
    area.chunk = chunk;
    area.lastOffset = start;
    area.lastEnd = end;
    return new Extent(area, start, end - start, false);
  }

  private long nextChunk(Area area, long offset) {
    if (area.chunk == 0) {
      return minChunk;
    }
    boolean near = offset >= area.lastOffset - area.chunk && offset < area.lastEnd + area.chunk;
    return near ? Math.min(maxChunk, 2 * area.chunk) : Math.max(minChunk, area.chunk / 2);
  }

  /** Lets go of what is idle, longest unused first, until so much will have left. */
  private void evict(long needed, List<Extent> victims) {
    long leaving = 0;
    for (Area area : areas) {
      for (int i = 0; i < area.count(); i++) {
        if (area.at(i).state == State.LEAVING) {
          leaving += area.at(i).length;
        }
      }
    }
    while (leaving < needed) {
      Extent oldest = oldestIdle();
      if (oldest == null) {
        return;
      }
      oldest.state = State.LEAVING;
      evictions++;
      leaving += oldest.length;
      victims.add(oldest);
    }
  }

  private @Nullable Extent oldestIdle() {
    Extent oldest = null;
    for (Area area : areas) {
      for (int i = 0; i < area.count(); i++) {
        Extent extent = area.at(i);
        if (extent.state == State.HELD
            && extent.uses == 0
            && !extent.pinned
            && (oldest == null || extent.lastUse < oldest.lastUse)) {
          oldest = extent;
        }
      }
    }
    return oldest;
  }

  private void enter(Extent extent) {
    extent.uses = 1;
    extent.lastUse = ++clock;
    add(extent);
    loads++;
  }

  private void add(Extent extent) {
    if (!areas.contains(extent.area)) {
      areas.add(extent.area);
    }
    extent.area.add(extent);
    if (extent.pinned) {
      pinnedBytes += extent.length;
    } else {
      bytes += extent.length;
    }
    mostBytes = Math.max(mostBytes, bytes + pinnedBytes);
  }

  private void subtract(Extent extent) {
    if (extent.area.remove(extent)) {
      if (extent.pinned) {
        pinnedBytes -= extent.length;
      } else {
        bytes -= extent.length;
      }
      if (extent.area.count() == 0) {
        areas.remove(extent.area);
      }
    }
  }

  /** Ends a use. */
  void release(Extent extent) {
    boolean idle;
    synchronized (this) {
      idle = --extent.uses == 0;
    }
    if (idle) {
      changed();
    }
  }

  /** It is registered now. False if nobody wants it any more: take it back. */
  boolean loaded(Extent extent) {
    synchronized (this) {
      if (extent.state != State.WANTED) {
        return false;
      }
      extent.state = State.HELD;
    }
    changed();
    return true;
  }

  /** It could not be registered; whoever waits for it fails with {@code failure}. */
  void failed(Extent extent, @Nullable ChannelException failure) {
    synchronized (this) {
      extent.failure = failure;
      extent.state = State.GONE;
      subtract(extent);
    }
    changed();
  }

  /** Its registration is gone. */
  void left(Extent extent) {
    synchronized (this) {
      extent.state = State.GONE;
      subtract(extent);
    }
    changed();
  }

  /**
   * Adds what is registered without being asked for, and outside of the ceiling; null if something
   * else is there already.
   */
  synchronized @Nullable Extent pin(Area area, long offset, long length) {
    if (area.dropped || overlaps(area, offset, length)) {
      return null;
    }
    Extent extent = new Extent(area, offset, length, true);
    add(extent);
    return extent;
  }

  private static boolean overlaps(Area area, long offset, long length) {
    int last = area.floor(offset + length - 1);
    return last >= 0 && area.at(last).end() > offset;
  }

  /** The extent that was asked for with exactly this place, or null. */
  synchronized @Nullable Extent find(Area area, long offset, long length) {
    int index = area.floor(offset);
    if (index < 0 || area.at(index).offset != offset || area.at(index).length != length) {
      return null;
    }
    return area.at(index);
  }

  /** Lets nobody claim of it any more; what is in use stays until released. */
  synchronized void close(Area area) {
    area.dropped = true;
  }

  synchronized boolean isInUse(Area area) {
    for (int i = 0; i < area.count(); i++) {
      if (area.at(i).uses > 0) {
        return true;
      }
    }
    return false;
  }

  /** Takes all extents of it away, whatever their state; the caller sees to their registrations. */
  List<Extent> drop(Area area) {
    List<Extent> all;
    synchronized (this) {
      all = new ArrayList<>(area.count());
      while (area.count() > 0) {
        Extent extent = area.at(area.count() - 1);
        extent.state = State.GONE;
        all.add(extent);
        subtract(extent);
      }
    }
    changed();
    return all;
  }

  /** Those that wait for an answer of their loader. */
  synchronized List<Extent> unanswered() {
    List<Extent> found = new ArrayList<>();
    for (Area area : areas) {
      for (int i = 0; i < area.count(); i++) {
        State state = area.at(i).state;
        if (!area.at(i).pinned && (state == State.WANTED || state == State.LEAVING)) {
          found.add(area.at(i));
        }
      }
    }
    return found;
  }

  /** Bytes that count now, pinned ones included. */
  synchronized long bytes() {
    return bytes + pinnedBytes;
  }

  /** Bytes under the ceiling. */
  synchronized long adjustableBytes() {
    return bytes;
  }

  synchronized long mostBytes() {
    return mostBytes;
  }

  synchronized long loads() {
    return loads;
  }

  synchronized long evictions() {
    return evictions;
  }
}
