package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.Extent.State;
import org.jspecify.annotations.Nullable;

/**
 * Turns a channel's puts into writes: sees to it that both ends have registered what a write needs,
 * and cuts by that. Guarded by the channel's monitor, which is left while this waits.
 */
final class Puts {
  /** Where puts are recorded, for the peer to be told of them. */
  interface Records {
    /** Makes room for the record of a put; may wait. */
    void prepare() throws ChannelException;

    /** Whether there still is that room; a wait may have let others take it. */
    boolean isReady();

    /** Records a put, which is on its way. */
    void placed(int region, long offset, long length);

    /** Fails if the peer has gone. */
    void requireThere() throws ChannelException;
  }

  private final QueuePair queuePair;
  private final Progress progress;
  private final RdmaPeer peer;
  private final Writes writes;
  private final Records records;
  private final Progress.Condition writeFree = this::isWriteFree;

  Puts(QueuePair queuePair, Progress progress, RdmaPeer peer, Writes writes, Records records) {
    this.queuePair = queuePair;
    this.progress = progress;
    this.peer = peer;
    this.writes = writes;
    this.records = records;
  }

  /** Writes a range, which is checked, into the peer's region. */
  void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    for (long done = 0; done < length; ) {
      long from = srcOffset + done;
      long to = dstOffset + done;
      int part = putMore(src.area(), from, dst, to, length - done);
      if (part == 0) {
        part = putSome(src.area(), from, dst, to, length - done);
      }
      records.placed(dst.id(), to, part);
      done += part;
    }
  }

  /** Goes on where the last put ended, if that is so; else 0. */
  private int putMore(Area src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    if (!records.isReady()) {
      return 0;
    }
    dst.requireOpen();
    return writes.extend(src, srcOffset, dst.area(), dstOffset, length);
  }

  private int putSome(Area src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    while (true) {
      records.prepare();
      Extent source = null;
      Extent target = null;
      boolean added = false;
      try {
        // The peer registers while this side does.
        target = claimed(peer.targets(), dst.area(), dstOffset, dst);
        source = claimed(peer.sources(), src, srcOffset, null);
        if (!isHeld(target) || !isHeld(source)) {
          continue;
        }
        writes.postOpen();
        if (!isWriteFree()) {
          progress.await(writeFree);
        }
        // All these waits let others in, who may have sent the record, or closed a region.
        if (!records.isReady() || !target.isHeld() || !source.isHeld()) {
          continue;
        }
        records.requireThere();
        int part = (int) Math.min(length, queuePair.maxWriteBytes());
        part = (int) Math.min(part, source.end() - srcOffset);
        part = (int) Math.min(part, target.end() - dstOffset);
        added = true;
        writes.add(source, srcOffset, target, dstOffset, part);
        return part;
      } finally {
        if (!added) {
          release(peer.sources(), source);
          release(peer.targets(), target);
        }
      }
    }
  }

  private static void release(Ledger ledger, @Nullable Extent extent) {
    if (extent != null) {
      ledger.release(extent);
    }
  }

  private boolean isWriteFree() throws ChannelException {
    records.requireThere();
    return writes.hasRoom();
  }

  /** For conditions: a peer that has gone answers nothing any more. */
  private boolean isThere() throws ChannelException {
    records.requireThere();
    return true;
  }

  /** An extent with that byte, in use once more, which is registered or is about to be. */
  private Extent claimed(Ledger ledger, Area area, long offset, @Nullable TheirRegion theirs)
      throws ChannelException {
    while (true) {
      if (theirs != null) {
        theirs.requireOpen();
      }
      long version = ledger.version();
      Extent extent = ledger.use(area, offset);
      if (extent == null) {
        extent = claim(ledger, area, offset);
      }
      if (extent != null) {
        return extent;
      }
      // What has to leave may be in use by what no channel has sent yet.
      peer.hurry();
      progress.awaitPeer(() -> isThere() && ledger.version() != version);
    }
  }

  /** Registers if need be, which takes its time: not under the monitor. */
  private @Nullable Extent claim(Ledger ledger, Area area, long offset) throws ChannelException {
    progress.unlocked(true);
    try {
      return ledger.claim(area, offset);
    } finally {
      progress.unlocked(false);
    }
  }

  /** Waits until somebody has registered it; false if it did not come to be. */
  private boolean isHeld(Extent extent) throws ChannelException {
    if (extent.isHeld()) {
      return true;
    }
    progress.awaitPeer(() -> isThere() && extent.state != State.WANTED);
    ChannelException failure = extent.failure;
    if (!extent.isHeld() && failure != null) {
      throw failure;
    }
    return extent.isHeld();
  }
}
