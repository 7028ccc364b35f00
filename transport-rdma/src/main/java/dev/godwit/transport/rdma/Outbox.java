package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.rdma.wire.ItemWriter;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * What a channel sends: frames of the stream, of which one at a time is being filled; writes into
 * the peer's memory; control frames. Guarded by the channel's monitor, but for {@link #mail}.
 */
final class Outbox implements Puts.Records {
  /** More control frames than any peer has reason to make this side owe. */
  private static final int MAX_QUEUED = 1 << 16;

  private static final int NONE = -1;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final Credits credits;
  private final int frameBytes;
  private final String name;

  private final ItemWriter items = new ItemWriter();
  private final Slots sends;
  private final Slots controls;
  private final Queue<Control> mail = new ConcurrentLinkedQueue<>();
  private final Deque<Control> queue = new ArrayDeque<>();
  private int staged = NONE;

  /** Bytes put, and those of them that the frames sent so far have announced. */
  private long landed;

  private long announced;

  private final Writes writes;
  private final Puts puts;

  /** How many writes are done when the frame in a slot is. */
  private final long[] writesBeforeSend;

  private final long[] writesBeforeControl;
  private volatile boolean hurried;

  private boolean gone;
  private boolean released;
  private boolean lossy;
  private boolean endQueued;
  private boolean endSent;
  private int endSlot = NONE;
  private int abortSlot = NONE;
  private boolean abortSent;

  private final Progress.Condition slotFree = this::isSlotFree;

  /**
   * @param frameBytes the longest frame of the stream
   * @param mostWrites how many writes may be under way
   */
  Outbox(
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      Credits credits,
      RdmaPeer peer,
      int frameBytes,
      int mostWrites,
      String name) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.credits = credits;
    this.frameBytes = frameBytes;
    this.name = name;
    this.sends = new Slots(rings.sendSlots());
    this.controls = new Slots(rings.controlSlots());
    this.writes = new Writes(queuePair, progress, peer, mostWrites);
    this.puts = new Puts(queuePair, progress, peer, writes, this);
    this.writesBeforeSend = new long[rings.sendSlots()];
    this.writesBeforeControl = new long[rings.controlSlots()];
  }

  // The stream.

  /** Takes what is left in {@code src} into frames. */
  void write(ByteBuffer src) throws ChannelException {
    while (src.hasRemaining()) {
      stage();
      int part = Math.min(src.remaining(), items.room());
      if (part > 0) {
        items.write(src, part);
      }
      if (items.room() == 0) {
        flush();
      }
    }
  }

  /**
   * Makes sure that a frame is being filled. It has its credit from the first byte on, so that what
   * was written can always be sent without waiting for the peer to read.
   */
  private void stage() throws ChannelException {
    while (staged == NONE) {
      requireThere();
      if (!isSlotFree()) {
        progress.await(slotFree);
        continue;
      }
      credits.takeStream();
      staged = sends.take();
      items.begin(rings.send(staged), frameBytes);
    }
  }

  private boolean isSlotFree() throws ChannelException {
    requireThere();
    return credits.hasStream() && sends.hasFree();
  }

  @Override
  public void requireThere() throws ChannelException {
    if (released) {
      throw new ChannelException.Aborted("Channel " + name + " is closed", null);
    }
    if (gone) {
      throw new ChannelException.Lost("The peer of " + name + " closed the connection");
    }
  }

  /** Sends what is staged. */
  void flush() throws ChannelException {
    if (staged == NONE || items.isEmpty()) {
      return;
    }
    requireThere();
    writes.postOpen();
    int slot = staged;
    staged = NONE;
    int payload = items.payloadBytes();
    announced = landed;
    header(rings.send(slot), FrameType.STREAM, payload);
    queuePair.postSend(
        Work.of(Work.STREAM, slot), rings.sendOffset(slot), Frame.HEADER_BYTES + payload);
    writesBeforeSend[slot] = writes.tellWithNext();
    progress.posted();
  }

  /**
   * Has what is staged sent soon, so that no extent stays in use longer than the device needs it.
   * Any thread, without the lock; whoever drives is to be woken.
   */
  void hurry() {
    hurried = true;
  }

  private void header(ByteBuffer frame, FrameType type, int payload) {
    Frame.encode(
        frame,
        type,
        credits.takeStreamToReturn(),
        credits.takeControlToReturn(),
        payload,
        announced);
  }

  // Puts.

  /** Writes a range, which is checked, into the peer's region, and records it. */
  void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    puts.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void prepare() throws ChannelException {
    if (staged != NONE && !items.hasRoomForPut()) {
      flush();
    }
    stage();
  }

  @Override
  public boolean isReady() {
    return staged != NONE && items.hasRoomForPut();
  }

  @Override
  public void placed(int region, long offset, long length) {
    items.put(region, offset, length);
    landed += length;
  }

  long outstandingWrites() {
    return writes.outstanding();
  }

  // Control frames.

  /** Sends a control frame as soon as can be; any thread, without the lock. */
  void mail(Control control) {
    mail.add(control);
  }

  /** Sends a control frame; the caller holds the lock. */
  void send(Control control) throws ChannelException {
    queue.add(control);
    pump();
  }

  /** Ends the output behind all that was written. */
  void end() throws ChannelException {
    flush();
    endQueued = true;
    send(new Control.End());
  }

  boolean isEnding() {
    return endQueued;
  }

  /** Sends what may be sent now. */
  void pump() throws ChannelException {
    Control mailed;
    while ((mailed = mail.poll()) != null) {
      queue.add(mailed);
    }
    if (progress.isDisconnected()) {
      queue.clear();
      if (!released) {
        writes.giveUp();
      }
      return;
    }
    if (hurried) {
      hurried = false;
      if (!gone && !released) {
        flush();
      }
    }
    if (queue.size() > MAX_QUEUED) {
      throw new ChannelException.Violated(
          "The peer of " + name + " asks for more than it takes: " + queue.size() + " frames wait");
    }
    while (!queue.isEmpty() && controls.hasFree() && mayGo(queue.element())) {
      post(queue.remove());
    }
    if (credits.isReturnDue() && controls.hasFree()) {
      int slot = controls.take();
      header(rings.control(slot), FrameType.CREDIT, 0);
      postControl(slot, 0);
    }
  }

  private boolean mayGo(Control control) {
    if (control.type().credit() == FrameType.Credit.CONTROL) {
      if (!credits.hasControl()) {
        return false;
      }
      credits.takeControl();
    }
    return true;
  }

  private int post(Control control) throws ChannelException {
    int slot = controls.take();
    ByteBuffer frame = rings.control(slot);
    int payload = control.encode(frame);
    header(frame, control.type(), payload);
    postControl(slot, payload);
    if (control instanceof Control.End) {
      endSlot = slot;
    }
    return slot;
  }

  private void postControl(int slot, int payload) throws ChannelException {
    queuePair.postSend(
        Work.of(Work.CONTROL, slot), rings.controlOffset(slot), Frame.HEADER_BYTES + payload);
    writesBeforeControl[slot] = writes.tellWithNext();
    progress.posted();
  }

  /** Says why this side gives up, past all that waits to be sent. */
  void sayAbort(String sentence) throws ChannelException {
    if (progress.isDisconnected() || !controls.hasFree()) {
      abortSent = true;
      return;
    }
    abortSlot = post(new Control.Abort(sentence));
  }

  boolean isAbortSent() {
    return abortSent;
  }

  // What came of it.

  void streamSent(int slot, boolean arrived) {
    writes.done(writesBeforeSend[slot], arrived);
    sends.give(slot);
    lossy |= !arrived;
  }

  void controlSent(int slot, boolean arrived) {
    writes.done(writesBeforeControl[slot], arrived);
    controls.give(slot);
    if (slot == endSlot) {
      endSlot = NONE;
      endSent = true;
    }
    if (slot == abortSlot) {
      abortSlot = NONE;
      abortSent = true;
    }
  }

  void writeDone(int slot, boolean landed) {
    writes.done(slot, landed);
  }

  /** Fails if a write did not land. */
  void requireWritten() throws ChannelException {
    if (writes.isUnwritten()) {
      throw new ChannelException.Lost(
          "The peer of " + name + " closed the connection before all puts had landed");
    }
  }

  /** The peer has closed its end. */
  void peerIsGone() {
    gone = true;
  }

  /** Whether all that was handed over is acknowledged, the end included. */
  boolean isAllAcknowledged() {
    return endSent && staged == NONE && sends.used() == 0 && outstandingWrites() == 0;
  }

  /** Whether bytes that were handed over did not arrive, or may not have. */
  boolean isLossy() {
    boolean pending = staged != NONE && !items.isEmpty();
    return lossy || writes.isUnwritten() || pending || sends.used() > (staged == NONE ? 0 : 1);
  }

  /** Lets go of everything; the queue pair is destroyed. */
  void release() {
    released = true;
    writes.release();
  }
}
