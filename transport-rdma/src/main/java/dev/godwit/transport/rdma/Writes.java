package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import org.jspecify.annotations.Nullable;

/**
 * A channel's writes into the peer's memory. Small ones that go on where the last one ended become
 * one; it is posted when it is long enough, when another follows elsewhere, or before the frame
 * that announces it. Of those posted only some are told of when they are done: on a queue pair what
 * is done is done in order, so a completion of any later work stands for all before it. Guarded by
 * the channel's monitor.
 */
final class Writes {
  /** From here on a longer write costs no less a byte, and only starts later. */
  private static final int MERGED_BYTES = 128 << 10;

  /** So many times at least the room for writes is told of. */
  private static final int TOLD_A_ROUND = 4;

  private final QueuePair queuePair;
  private final Progress progress;
  private final RdmaPeer peer;

  /** The extents that writes under way use, in the order of the writes. */
  private final @Nullable Extent[] sources;

  private final @Nullable Extent[] targets;

  /** Where they write to in their targets' regions, and how much. */
  private final long[] targetsAt;

  private final int[] lengths;
  private final long toldEvery;
  private long posted;
  private long done;

  /** The writes up to here will be told of as done, with what was posted since. */
  private long told;

  private boolean unwritten;

  // The write that may grow; it has its room among those under way already.

  private @Nullable Extent openSource;
  private @Nullable Extent openTarget;
  private long openSourceAt;
  private long openTargetAt;
  private int openBytes;

  /**
   * @param most how many may be under way
   */
  Writes(QueuePair queuePair, Progress progress, RdmaPeer peer, int most) {
    this(queuePair, progress, peer, most, Math.max(1, most / TOLD_A_ROUND));
  }

  /** For a peer that nothing is sent to behind them. */
  static Writes eachTold(QueuePair queuePair, Progress progress, RdmaPeer peer, int most) {
    return new Writes(queuePair, progress, peer, most, 1);
  }

  private Writes(QueuePair queuePair, Progress progress, RdmaPeer peer, int most, long toldEvery) {
    this.queuePair = queuePair;
    this.progress = progress;
    this.peer = peer;
    this.sources = new @Nullable Extent[most];
    this.targets = new @Nullable Extent[most];
    this.targetsAt = new long[most];
    this.lengths = new int[most];
    this.toldEvery = toldEvery;
  }

  /** Whether one more can be under way. */
  boolean hasRoom() {
    return posted + (openBytes > 0 ? 1 : 0) - done < sources.length;
  }

  /**
   * Makes the open write longer by what goes on where it ends.
   *
   * @return by how many bytes, 0 if it cannot grow so
   */
  int extend(Area src, long srcOffset, Area dst, long dstOffset, long length)
      throws ChannelException {
    Extent source = openSource;
    Extent target = openTarget;
    if (source == null
        || target == null
        || source.area != src
        || target.area != dst
        || !source.isHeld()
        || !target.isHeld()
        || srcOffset != openSourceAt + openBytes
        || dstOffset != openTargetAt + openBytes) {
      return 0;
    }
    long most = Math.min(source.end() - srcOffset, target.end() - dstOffset);
    int more = (int) Math.min(Math.min(length, most), queuePair.maxWriteBytes() - openBytes);
    openBytes += more;
    if (openBytes >= MERGED_BYTES) {
      postOpen();
    }
    return more;
  }

  /** Writes what both extents hold, which are in use by it until it is done; there is room. */
  void add(Extent source, long srcOffset, Extent target, long dstOffset, int length)
      throws ChannelException {
    postOpen();
    openSource = source;
    openTarget = target;
    openSourceAt = srcOffset;
    openTargetAt = dstOffset;
    openBytes = length;
    if (length >= MERGED_BYTES) {
      postOpen();
    }
  }

  /** Posts the write that might have grown, if there is one. */
  void postOpen() throws ChannelException {
    Extent source = openSource;
    Extent target = openTarget;
    if (source == null || target == null) {
      return;
    }
    int slot = (int) (posted % sources.length);
    boolean quiet = posted + 1 - told < toldEvery;
    queuePair.postWrite(
        Work.of(quiet ? Work.QUIET_WRITE : Work.WRITE, slot),
        source.address(openSourceAt),
        source.key(),
        openBytes,
        target.address(openTargetAt),
        target.key());
    sources[slot] = source;
    targets[slot] = target;
    targetsAt[slot] = openTargetAt;
    lengths[slot] = openBytes;
    posted++;
    openSource = null;
    openTarget = null;
    openBytes = 0;
    if (!quiet) {
      told = posted;
      progress.posted();
    }
  }

  /** All that was posted so far will be done when the work is that is posted now. */
  long tellWithNext() {
    told = posted;
    return posted;
  }

  /** The connection has ended: has what is under way come to its end, landed or not. */
  void giveUp() {
    drop();
    if (posted == told) {
      return;
    }
    told = posted;
    try {
      // Flushed behind all the others, of which those that had landed are not told of.
      int slot = (int) ((posted - 1) % sources.length);
      queuePair.postWrite(Work.of(Work.WRITE, slot), 0, 0, 0, 0, 0);
      progress.posted();
    } catch (ChannelException deviceIsGone) {
      done(posted, false);
    }
  }

  private void drop() {
    unwritten |= openBytes > 0;
    release(openSource, openTarget);
    openSource = null;
    openTarget = null;
    openBytes = 0;
  }

  /** The write in a slot is over, and all before it are. */
  void done(int slot, boolean landed) {
    long mark = done;
    while (mark < posted && mark % sources.length != slot) {
      mark++;
    }
    if (mark < posted) {
      done(mark + 1, landed);
    }
  }

  /** So many writes are over. */
  void done(long mark, boolean landed) {
    while (done < Math.min(mark, posted)) {
      unwritten |= !landed;
      int slot = (int) (done++ % sources.length);
      release(sources[slot], targets[slot]);
      sources[slot] = null;
      targets[slot] = null;
    }
  }

  private void release(@Nullable Extent source, @Nullable Extent target) {
    if (source != null && target != null) {
      peer.sources().release(source);
      peer.targets().release(target);
    }
  }

  long outstanding() {
    return posted + (openBytes > 0 ? 1 : 0) - done;
  }

  /** Whether one that is not over writes into a range. */
  boolean reach(Area area, long offset, long length) {
    Extent open = openTarget;
    if (open != null && open.area == area && overlap(openTargetAt, openBytes, offset, length)) {
      return true;
    }
    for (long i = done; i < posted; i++) {
      int slot = (int) (i % targets.length);
      Extent target = targets[slot];
      if (target != null
          && target.area == area
          && overlap(targetsAt[slot], lengths[slot], offset, length)) {
        return true;
      }
    }
    return false;
  }

  private static boolean overlap(long offset, long length, long other, long otherLength) {
    return offset < other + otherLength && other < offset + length;
  }

  /** Whether a write is over and did not land. */
  boolean isUnwritten() {
    return unwritten;
  }

  /** Lets go of everything; the queue pair is destroyed. */
  void release() {
    done(posted, false);
    drop();
  }
}
