package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.Extent.State;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.rdma.wire.ItemWriter;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * What a channel sends: frames of the stream, of which one at a time is being filled; writes into
 * the peer's memory; control frames. Guarded by the channel's monitor, but for {@link #mail}.
 */
final class Outbox {
  /** More control frames than any peer has reason to make this side owe. */
  private static final int MAX_QUEUED = 1 << 16;

  private static final int NONE = -1;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final Credits credits;
  private final RdmaPeer peer;
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

  /** The extents that writes under way use, in the order of the writes. */
  private final @Nullable Extent[] sources;

  private final @Nullable Extent[] targets;
  private long writesPosted;
  private long writesDone;

  private boolean gone;
  private boolean released;
  private boolean lossy;
  private boolean unwritten;
  private boolean endQueued;
  private boolean endSent;
  private int endSlot = NONE;
  private int abortSlot = NONE;
  private boolean abortSent;

  private final Progress.Condition slotFree = this::isSlotFree;
  private final Progress.Condition writeFree = this::isWriteFree;

  /**
   * @param frameBytes the longest frame of the stream
   * @param writes how many writes may be under way
   */
  Outbox(
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      Credits credits,
      RdmaPeer peer,
      int frameBytes,
      int writes,
      String name) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.credits = credits;
    this.peer = peer;
    this.frameBytes = frameBytes;
    this.name = name;
    this.sends = new Slots(rings.sendSlots());
    this.controls = new Slots(rings.controlSlots());
    this.sources = new @Nullable Extent[writes];
    this.targets = new @Nullable Extent[writes];
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
        boolean credit = !credits.hasStream();
        long start = System.nanoTime();
        progress.await(slotFree);
        if (credit) {
          credits.stalled(System.nanoTime() - start);
        }
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

  private void requireThere() throws ChannelException {
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
    int slot = staged;
    staged = NONE;
    int payload = items.payloadBytes();
    announced = landed;
    header(rings.send(slot), FrameType.STREAM, payload);
    queuePair.postSend(
        Work.of(Work.STREAM, slot), rings.sendOffset(slot), Frame.HEADER_BYTES + payload);
    progress.posted();
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

  /** Writes a range, which is checked, into the peer's region. */
  void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    for (long done = 0; done < length; ) {
      done += putSome(src.area(), srcOffset + done, dst, dstOffset + done, length - done);
    }
  }

  private long putSome(Area src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    while (true) {
      stageForPut();
      Extent source = acquire(peer.sources(), src, srcOffset, null);
      Extent target = null;
      boolean posted = false;
      try {
        target = acquire(peer.targets(), dst.area(), dstOffset, dst);
        if (!isWriteFree()) {
          progress.await(writeFree);
        }
        // All these waits let others in, who may have sent the frame.
        if (staged == NONE || !items.hasRoomForPut()) {
          continue;
        }
        requireThere();
        int part = (int) Math.min(length, queuePair.maxWriteBytes());
        part = (int) Math.min(part, source.end() - srcOffset);
        part = (int) Math.min(part, target.end() - dstOffset);
        post(source, srcOffset, target, dstOffset, part);
        posted = true;
        items.put(dst.id(), dstOffset, part);
        landed += part;
        return part;
      } finally {
        if (!posted) {
          peer.sources().release(source);
          if (target != null) {
            peer.targets().release(target);
          }
        }
      }
    }
  }

  private void stageForPut() throws ChannelException {
    if (staged != NONE && !items.hasRoomForPut()) {
      flush();
    }
    stage();
  }

  private boolean isWriteFree() throws ChannelException {
    requireThere();
    return writesPosted - writesDone < sources.length;
  }

  private void post(Extent source, long srcOffset, Extent target, long dstOffset, int length)
      throws ChannelException {
    int slot = (int) (writesPosted % sources.length);
    queuePair.postWrite(
        Work.of(Work.WRITE, slot),
        source.address(srcOffset),
        source.key(),
        length,
        target.address(dstOffset),
        target.key());
    sources[slot] = source;
    targets[slot] = target;
    writesPosted++;
    progress.posted();
  }

  /** A registered extent with that byte, in use once more. */
  private Extent acquire(Ledger ledger, Area area, long offset, @Nullable TheirRegion theirs)
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
      if (extent == null) {
        progress.awaitPeer(() -> ledger.version() != version);
        continue;
      }
      if (extent.isHeld()) {
        return extent;
      }
      if (settled(ledger, extent)) {
        return extent;
      }
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
  private boolean settled(Ledger ledger, Extent extent) throws ChannelException {
    boolean held = false;
    try {
      progress.awaitPeer(() -> extent.state != State.WANTED);
      held = extent.isHeld();
    } finally {
      if (!held) {
        ledger.release(extent);
      }
    }
    ChannelException failure = extent.failure;
    if (!held && failure != null) {
      throw failure;
    }
    return held;
  }

  long outstandingWrites() {
    return writesPosted - writesDone;
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
      return;
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
    sends.give(slot);
    lossy |= !arrived;
  }

  void controlSent(int slot) {
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

  void writeDone(boolean landed) {
    unwritten |= !landed;
    int slot = (int) (writesDone++ % sources.length);
    Extent source = sources[slot];
    Extent target = targets[slot];
    sources[slot] = null;
    targets[slot] = null;
    if (source != null && target != null) {
      peer.sources().release(source);
      peer.targets().release(target);
    }
  }

  /** Fails if a write did not land. */
  void requireWritten() throws ChannelException {
    if (unwritten) {
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
    return lossy || unwritten || pending || sends.used() > (staged == NONE ? 0 : 1);
  }

  /** Lets go of everything; the queue pair is destroyed. */
  void release() {
    released = true;
    while (writesDone < writesPosted) {
      writeDone(false);
    }
  }
}
