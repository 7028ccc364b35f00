package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.Progress.Condition;
import dev.godwit.transport.rdma.qemu.Command;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Puts into a QEMU (qemu-rdma-wire.md §8): zeros go as COMPRESS where that is cheaper, all else as
 * writes. Zeros that go on where the last ended become one run, which is sent when something else
 * follows, or when all has to be handed over. Guarded by the channel's monitor, which is left while
 * this waits.
 *
 * <p>A write and a COMPRESS reach the destination's memory on different ways, its device and its
 * processor. So neither begins while the other is under way to the same bytes.
 *
 * <p>What was seen as zero is sent as zero: a page that the guest changes afterwards is dirty, and
 * put again.
 */
final class QemuPuts {
  /** Says commands to the destination. */
  interface Speaker {
    /** Says one to fill a range with zeros; waits until the destination wants one. */
    void fill(int block, long offset, long length) throws ChannelException;

    /** Waits, as long as the channel still may. */
    void await(Condition condition) throws ChannelException;
  }

  /**
   * In memory that is registered already, a shorter run of zeros is written. A COMPRESS costs a
   * round trip in which the destination's processor wakes up and nothing else can be said, 10 µs or
   * so, and a fast fabric writes this much in that time.
   */
  private static final long WORTHWHILE_BYTES = 64 << 10;

  /**
   * A run at most. A QEMU that finds one byte in it that is not zero fills all of it, and what was
   * sparse gets pages; and it cannot be asked for anything else meanwhile. Four of the runs that
   * QEMU itself sends make the round trip small.
   */
  private static final long LONGEST_BYTES = 4 * Command.CHUNK_BYTES;

  private final RdmaPeer peer;
  private final Puts puts;
  private final Writes writes;
  private final Speaker speaker;

  // The run that may grow.

  private @Nullable RdmaRegion source;
  private @Nullable TheirRegion target;
  private long sourceAt;
  private long targetAt;
  private long bytes;

  // What the destination was told to fill, and has not dealt with yet.

  private @Nullable Area filling;
  private long fillingAt;
  private long fillingBytes;

  private final Condition filled = () -> filling == null;

  QemuPuts(RdmaPeer peer, Puts puts, Writes writes, Speaker speaker) {
    this.peer = peer;
    this.puts = puts;
    this.writes = writes;
    this.speaker = speaker;
  }

  /** Writes a range, which is checked, into the destination's block. */
  void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    MemorySegment memory = src.memory();
    for (long done = 0; done < length; ) {
      long from = srcOffset + done;
      long to = dstOffset + done;
      long zeros = Zeros.zeros(memory, from, Math.min(length - done, LONGEST_BYTES));
      if (zeros > 0) {
        done += grow(src, from, dst, to, zeros);
      } else {
        handOver();
        long others = Zeros.others(memory, from, length - done);
        write(src, from, dst, to, others);
        done += others;
      }
    }
  }

  /** Makes the run longer, or begins another; by how much. */
  private long grow(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    if (src != source
        || dst != target
        || srcOffset != sourceAt + bytes
        || dstOffset != targetAt + bytes
        || bytes == LONGEST_BYTES) {
      handOver();
      source = src;
      target = dst;
      sourceAt = srcOffset;
      targetAt = dstOffset;
    }
    long more = Math.min(length, LONGEST_BYTES - bytes);
    bytes += more;
    return more;
  }

  /** Sends the run of zeros, if there is one. */
  void handOver() throws ChannelException {
    handOver(true);
  }

  /** The same when the channel is being closed, and no write can be waited for. */
  void handOverAtClose() throws ChannelException {
    handOver(false);
  }

  private void handOver(boolean mayWrite) throws ChannelException {
    RdmaRegion src = source;
    TheirRegion dst = target;
    if (src == null || dst == null) {
      return;
    }
    long length = bytes;
    source = null;
    target = null;
    bytes = 0;
    // A region that is closed meanwhile cannot be written from, and need not be.
    if (mayWrite
        && length < WORTHWHILE_BYTES
        && isRegistered(dst, targetAt, length)
        && !src.isClosed()) {
      write(src, sourceAt, dst, targetAt, length);
    } else {
      fill(src, dst, targetAt, length);
    }
  }

  /** Whether a write would find a key; a run that is this short is in two extents at most. */
  private boolean isRegistered(TheirRegion dst, long offset, long length) {
    Ledger targets = peer.targets();
    return targets.isHeld(dst.area(), offset) && targets.isHeld(dst.area(), offset + length - 1);
  }

  private void write(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    if (dst.area() == filling
        && dstOffset < fillingAt + fillingBytes
        && fillingAt < dstOffset + length) {
      speaker.await(filled);
    }
    puts.put(src, srcOffset, dst, dstOffset, length);
  }

  private void fill(RdmaRegion src, TheirRegion dst, long offset, long length)
      throws ChannelException {
    dst.requireOpen();
    if (length >= Command.CHUNK_BYTES) {
      // What comes behind a hole may be little: do not register another hole with it.
      peer.sources().restart(src.area());
      peer.targets().restart(dst.area());
    }
    if (writes.reach(dst.area(), offset, length)) {
      writes.postOpen();
      speaker.await(() -> !writes.reach(dst.area(), offset, length));
    }
    speaker.fill(dst.id(), offset, length);
    filling = dst.area();
    fillingAt = offset;
    fillingBytes = length;
  }

  /** The destination wants the next message, so it has dealt with the last one. */
  void answered() {
    filling = null;
  }

  /** Whether something was put that the destination was not told of. */
  boolean isPending() {
    return bytes > 0;
  }
}
