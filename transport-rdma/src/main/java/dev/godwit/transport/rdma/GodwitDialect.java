package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Greeting;
import java.nio.ByteBuffer;

/** What two Godwits say: frames under credits, and writes that the frames announce. */
final class GodwitDialect implements Dialect {
  private final Progress progress;
  private final Outbox outbox;
  private final Inbox inbox;
  private final Progress.Condition nothingUnderWay;
  private final Progress.Condition allAcknowledged;

  /**
   * @param channel whose dialect it is
   * @param theirs what the other end told
   */
  GodwitDialect(
      RdmaChannel channel,
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      RdmaPeer peer,
      RdmaOptions options,
      Greeting theirs,
      String name) {
    this.progress = progress;
    Credits credits = new Credits(theirs.slots(), options.slots());
    outbox =
        new Outbox(
            queuePair,
            rings,
            progress,
            credits,
            peer,
            Math.min(options.slotBytes(), theirs.slotBytes()),
            options.writes(),
            name);
    inbox = new Inbox(queuePair, rings, progress, credits, outbox, peer, channel, name);
    nothingUnderWay = () -> outbox.outstandingWrites() == 0;
    allAcknowledged = () -> outbox.isAllAcknowledged() || progress.isDisconnected();
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    return inbox.read(dst);
  }

  @Override
  public void write(ByteBuffer src) throws ChannelException {
    outbox.write(src);
  }

  @Override
  public void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    outbox.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void get(RdmaRegion dst, long dstOffset, long length) throws ChannelException {
    inbox.get(dst, dstOffset, length);
  }

  @Override
  public void flush() throws ChannelException {
    outbox.flush();
  }

  @Override
  public void settle() throws ChannelException {
    outbox.flush();
    progress.await(nothingUnderWay);
    // They are over, but one of them may have failed.
    progress.requireWhole();
    outbox.requireWritten();
  }

  @Override
  public void barrier() throws ChannelException {
    outbox.flush();
    inbox.arrive();
    settle();
    inbox.meet();
    inbox.awaitMet();
  }

  @Override
  public void end() throws ChannelException {
    outbox.end();
  }

  @Override
  public void endInOrder() throws ChannelException {
    if (!outbox.isEnding()) {
      outbox.end();
    }
    progress.awaitClosing(allAcknowledged);
  }

  @Override
  public boolean isLossy() {
    return outbox.isLossy();
  }

  @Override
  public long outstandingWrites() {
    return outbox.outstandingWrites();
  }

  @Override
  public boolean hasEnded() {
    return inbox.hasEnded();
  }

  @Override
  public void peerIsGone() {
    outbox.peerIsGone();
  }

  @Override
  public void arrived(int slot, int bytes) throws ChannelException {
    inbox.arrived(slot, bytes);
  }

  @Override
  public void completed(long work, boolean success) {
    int slot = Work.slot(work);
    switch (Work.kind(work)) {
      case Work.STREAM -> outbox.streamSent(slot, success);
      case Work.CONTROL -> outbox.controlSent(slot, success);
      case Work.WRITE, Work.QUIET_WRITE -> outbox.writeDone(slot, success);
      default -> {}
    }
  }

  @Override
  public void pump() throws ChannelException {
    outbox.pump();
  }

  @Override
  public void hurry() {
    outbox.hurry();
  }

  @Override
  public void mail(Control control) {
    outbox.mail(control);
  }

  @Override
  public void sayAbort(String sentence) throws ChannelException {
    outbox.sayAbort(sentence);
  }

  @Override
  public boolean isAbortSent() {
    return outbox.isAbortSent();
  }

  @Override
  public void release() {
    outbox.release();
  }
}
