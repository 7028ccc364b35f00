package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.rdma.Progress.Condition;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.rdma.wire.Control;
import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * What a QEMU hears that takes a guest from here (qemu-rdma-wire.md §5 to §8). The stream goes in
 * messages, one for each READY of the destination; memory goes by writes into what it has
 * registered when it was asked to, or is filled by it. A barrier ends a round, and the first one
 * learns the destination's blocks. One-way.
 */
final class QemuSource implements Dialect, Puts.Records, QemuPuts.Speaker {
  private static final int NONE = -1;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final String name;

  private final QemuSends sends;
  private final Writes writes;
  private final QemuPuts puts;
  private final QemuBlocks blocks;
  private final int fileBytes;

  private int staged = NONE;
  private int stagedBytes;

  /** The destination wants a message and has not got it. */
  private boolean ready;

  /** By when it has asked for the first one, and what to say if it has not. */
  private Deadline wanted = Deadline.never();

  private String unwanted = "";

  /** Extents that somebody needs the keys of. */
  private final Queue<Control.KeyRequest> requests = new ConcurrentLinkedQueue<>();

  private volatile boolean hurried;

  private boolean gone;
  private boolean lossy;
  private @Nullable Deadline closing;

  private final Condition mayStage = this::mayStage;
  private final Condition maySend = this::maySend;
  private final Condition nothingUnderWay = this::isNothingUnderWay;
  private final Condition blocksThere = this::areBlocksThere;

  /**
   * @param pinAll the destination has registered whole blocks
   * @param mostWrites how many may be under way
   */
  QemuSource(
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      RdmaPeer peer,
      boolean pinAll,
      int mostWrites,
      String name) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.name = name;
    this.sends = new QemuSends(queuePair, rings, progress);
    this.writes = Writes.eachTold(queuePair, progress, peer, mostWrites);
    this.puts = new QemuPuts(peer, new Puts(queuePair, progress, peer, writes, this), writes, this);
    this.blocks = new QemuBlocks(peer, pinAll, name);
    this.fileBytes = Math.min(Message.FILE_BYTES, rings.slotBytes() - Message.HEADER_BYTES);
  }

  /** The same for a destination that asks for a first message at once: if not, {@code sentence}. */
  QemuSource wantedBy(Deadline deadline, String sentence) {
    wanted = deadline;
    unwanted = sentence;
    return this;
  }

  // The stream.

  @Override
  public void write(ByteBuffer src) throws ChannelException {
    while (src.hasRemaining()) {
      if (staged == NONE) {
        progress.await(mayStage);
        staged = sends.take();
        stagedBytes = 0;
      }
      int part = Math.min(src.remaining(), fileBytes - stagedBytes);
      rings.send(staged).put(Message.HEADER_BYTES + stagedBytes, src, src.position(), part);
      src.position(src.position() + part);
      stagedBytes += part;
      if (stagedBytes == fileBytes) {
        flush();
      }
    }
  }

  private boolean mayStage() throws ChannelException {
    requireThere();
    return sends.hasFree();
  }

  /** Waits until the destination wants it, which it does when it has dealt with what was before. */
  @Override
  public void flush() throws ChannelException {
    puts.handOver();
    writes.postOpen();
    if (staged == NONE) {
      return;
    }
    await(maySend);
    int slot = staged;
    if (slot == NONE) {
      return; // Another thread has sent it.
    }
    staged = NONE;
    Message.encode(rings.send(slot), MessageType.FILE, stagedBytes);
    ready = false;
    sends.post(slot, Message.HEADER_BYTES + stagedBytes);
  }

  private boolean maySend() throws ChannelException {
    requireThere();
    if (!ready && wanted.hasPassed()) {
      throw new ChannelException.Refused(unwanted);
    }
    return ready && sends.hasFree();
  }

  private void send(Command command) throws ChannelException {
    await(maySend);
    sendNow(command);
  }

  /** Sends what the destination is known to want. */
  private void sendNow(Command command) throws ChannelException {
    ready = false;
    sends.post(command);
  }

  @Override
  public void await(Condition condition) throws ChannelException {
    Deadline limit = closing;
    if (limit == null) {
      progress.await(condition);
    } else if (!progress.awaitClosing(condition, limit)) {
      throw new ChannelException.TimedOut(
          "The destination of " + name + " did not take the rest of the stream");
    }
  }

  @Override
  public void requireThere() throws ChannelException {
    if (gone) {
      // It may have given up before it went, or have been refused.
      progress.requireWhole();
      throw new ChannelException.Lost("The destination of " + name + " ended the connection");
    }
  }

  @Override
  public void arrived(int slot, int bytes) throws ChannelException {
    ByteBuffer frame = rings.receive(slot);
    MessageType type = Message.check(frame, bytes);
    if (type == MessageType.FILE) {
      throw wrong(type);
    }
    Command command = Command.decode(type, frame);
    if (!progress.isDisconnected()) {
      queuePair.postReceive(slot);
    }
    switch (command) {
      case Command.Ready() -> {
        if (ready || blocks.isAnswerDue()) {
          throw wrong(type);
        }
        ready = true;
        wanted = Deadline.never();
        puts.answered();
      }
      case Command.Blocks all -> blocks.answered(all);
      case Command.Registered key -> blocks.answered(key);
      case Command.GaveUp() ->
          throw new ChannelException.Lost("The destination of " + name + " gave up");
      default -> throw wrong(type);
    }
  }

  private ChannelException wrong(MessageType type) {
    return new ChannelException.Violated(
        "The destination of " + name + " sent " + type + ", which is out of turn");
  }

  // Memory.

  @Override
  public void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    puts.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void fill(int block, long offset, long length) throws ChannelException {
    send(blocks.fill(block, offset, length));
  }

  @Override
  public void prepare() throws ChannelException {
    requireThere();
  }

  @Override
  public boolean isReady() {
    return !gone;
  }

  /** Nothing says so to a QEMU but the end of the round. */
  @Override
  public void placed(int region, long offset, long length) {}

  @Override
  public void settle() throws ChannelException {
    flush();
    landed();
  }

  private void landed() throws ChannelException {
    progress.await(nothingUnderWay);
    progress.requireWhole();
    if (writes.isUnwritten()) {
      throw new ChannelException.Lost(
          "The destination of " + name + " ended the connection before all puts had landed");
    }
  }

  private boolean isNothingUnderWay() {
    return writes.outstanding() == 0;
  }

  @Override
  public void barrier() throws ChannelException {
    flush();
    if (!blocks.areKnown()) {
      await(maySend);
      sendNow(blocks.askForBlocks());
      progress.await(blocksThere);
    }
    landed();
    send(new Command.Finished());
    // The next message is wanted once that one is dealt with.
    progress.await(maySend);
  }

  private boolean areBlocksThere() throws ChannelException {
    requireThere();
    return blocks.areKnown();
  }

  @Override
  public void mail(Control control) {
    if (control instanceof Control.KeyRequest request) {
      requests.add(request);
    }
  }

  @Override
  public void hurry() {
    hurried = true;
  }

  @Override
  public void pump() throws ChannelException {
    if (progress.isDisconnected()) {
      writes.giveUp();
      return;
    }
    if (hurried) {
      hurried = false;
      writes.postOpen();
    }
    if (!requests.isEmpty() && !gone && maySend()) {
      sendNow(blocks.askForKey(requests.remove()));
    }
  }

  // The other way there is nothing.

  @Override
  public int read(ByteBuffer dst) {
    return -1;
  }

  @Override
  public void get(RdmaRegion dst, long dstOffset, long length) throws ChannelException {
    throw new ChannelException.EndedEarly("QEMU's own rdma: goes one way without a return path");
  }

  // The end.

  @Override
  public void end() throws ChannelException {
    flush();
  }

  /** There is no word for the end: a destination that has read all of it ends the connection. */
  @Override
  public void endInOrder() throws ChannelException {
    Deadline patience = Deadline.after(progress.patience());
    closing = patience;
    puts.handOverAtClose();
    flush();
    Deadline farewell = Deadline.after(progress.patience());
    progress.awaitClosing(() -> gone || progress.isDisconnected(), farewell);
  }

  @Override
  public boolean isLossy() {
    return lossy
        || writes.isUnwritten()
        || puts.isPending()
        || (staged != NONE && stagedBytes > 0)
        || sends.used() > (staged == NONE ? 0 : 1);
  }

  @Override
  public long outstandingWrites() {
    return writes.outstanding();
  }

  @Override
  public boolean endsByDisconnecting() {
    return true;
  }

  @Override
  public boolean hasEnded() {
    return false;
  }

  @Override
  public void peerIsGone() {
    gone = true;
  }

  @Override
  public void completed(long work, boolean success) {
    int slot = Work.slot(work);
    switch (Work.kind(work)) {
      case Work.STREAM -> {
        sends.completed(slot);
        lossy |= !success;
      }
      case Work.WRITE, Work.QUIET_WRITE -> writes.done(slot, success);
      default -> {}
    }
  }

  /** Needs no READY. */
  @Override
  public void sayAbort(String sentence) throws ChannelException {
    sends.sayAbort();
  }

  @Override
  public boolean isAbortSent() {
    return sends.isAbortSent();
  }

  @Override
  public void release() {
    gone = true;
    writes.release();
  }
}
