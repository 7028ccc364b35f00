package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.rdma.wire.ItemReader;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What a channel has received. Frames of the stream stay where they arrived until their items are
 * taken, so that a reader who does not read holds his peer up; everything else is dealt with at
 * once. Guarded by the channel's monitor.
 */
final class Inbox {
  /** A barrier of the peer, which stands behind so many frames of the stream. */
  private record Mark(long count, long behind) {}

  /**
   * Barriers that wait; a peer waits for each before it makes the next, with two threads at most.
   */
  private static final int MAX_MARKS = 4;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final Credits credits;
  private final Outbox outbox;
  private final RdmaPeer peer;
  private final RdmaChannel channel;
  private final String name;

  private final ItemReader reader = new ItemReader();

  /** Slots with frames that are not begun yet, oldest first. */
  private final int[] waiting;

  private int first;
  private int count;
  private int current = -1;
  private long framesArrived;
  private long framesTaken;
  private long landed;
  private boolean ended;

  private final Deque<Mark> marks = new ArrayDeque<>(MAX_MARKS);
  private long theirBarriers;
  private long barriers;
  private long met;

  private final Progress.Condition bytesThere = this::isSomethingNext;
  private final Progress.Condition markThere = this::isMarkNext;
  private final Progress.Condition allMet = this::isAllMet;

  Inbox(
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      Credits credits,
      Outbox outbox,
      RdmaPeer peer,
      RdmaChannel channel,
      String name) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.credits = credits;
    this.outbox = outbox;
    this.peer = peer;
    this.channel = channel;
    this.name = name;
    this.waiting = new int[rings.receiveSlots()];
  }

  // Arriving.

  /** A frame came into a slot. */
  void arrived(int slot, int bytes) throws ChannelException {
    ByteBuffer frame = rings.receive(slot);
    FrameType type = Frame.check(frame, bytes);
    credits.arrived(type, Frame.streamCredits(frame), Frame.controlCredits(frame));
    credits.returned(Frame.streamCredits(frame), Frame.controlCredits(frame));
    if (ended && (type == FrameType.STREAM || type == FrameType.END)) {
      throw new ChannelException.Violated(
          "The peer of " + name + " sent " + type + " after its end");
    }
    if (type == FrameType.STREAM) {
      landed += ItemReader.check(frame, peer.exports());
    }
    if (Frame.landed(frame) != landed) {
      throw new ChannelException.Violated(
          "The peer of "
              + name
              + " says that it put "
              + Frame.landed(frame)
              + " bytes, and announced "
              + landed);
    }
    switch (type) {
      case STREAM -> {
        waiting[(first + count++) % waiting.length] = slot;
        framesArrived++;
      }
      case CREDIT -> repost(slot);
      default -> {
        Control control = Control.decode(type, frame);
        repost(slot);
        if (type.credit() == FrameType.Credit.CONTROL) {
          credits.controlReposted();
        }
        take(control);
      }
    }
  }

  private void repost(int slot) throws ChannelException {
    if (!progress.isDisconnected()) {
      queuePair.postReceive(slot);
    }
  }

  private void take(Control control) throws ChannelException {
    switch (control) {
      case Control.Barrier(long number) -> {
        if (number != ++theirBarriers || marks.size() == MAX_MARKS) {
          throw new ChannelException.Violated(
              "The peer of " + name + " sent barrier " + number + " out of turn");
        }
        marks.add(new Mark(number, framesArrived));
      }
      case Control.BarrierMet(long number) -> {
        if (number != met + 1 || number > barriers) {
          throw new ChannelException.Violated(
              "The peer of " + name + " met barrier " + number + ", and there were " + barriers);
        }
        met = number;
      }
      case Control.End() -> ended = true;
      case Control.Abort(String sentence) ->
          throw new ChannelException.Lost("The peer of " + name + " gave up: " + sentence);
      case Control.Advertise advertised -> peer.answers().advertised(advertised);
      case Control.KeyRequest request -> peer.answers().requested(request, channel);
      case Control.Keys keys -> peer.answers().keys(keys);
      case Control.Release release -> peer.answers().released(release, channel);
      case Control.Released released -> peer.answers().left(released);
      case Control.Forget(int region) -> peer.answers().forgotten(region);
    }
  }

  // Taking.

  /** Reads into {@code dst}, which has room; -1 at the end. */
  int read(ByteBuffer dst) throws ChannelException {
    if (!next()) {
      return -1;
    }
    int start = dst.position();
    do {
      if (reader.isPut()) {
        if (dst.position() > start) {
          break;
        }
        throw new ChannelException.Violated(
            "A read met bytes that the peer put into " + peer.exports().nameOf(reader.region()));
      }
      reader.read(dst);
      finishFrame();
    } while (dst.hasRemaining() && isBytesNext());
    return dst.position() - start;
  }

  /** Takes placed bytes of a region at an offset. */
  void get(RdmaRegion dst, long offset, long length) throws ChannelException {
    for (long done = 0; done < length; ) {
      if (!next()) {
        throw new ChannelException.EndedEarly(
            "The peer ended " + (length - done) + " bytes before the end of what it was to place");
      }
      if (!reader.isPut()) {
        throw new ChannelException.Violated(
            "A get of "
                + (length - done)
                + " bytes met "
                + reader.remaining()
                + " bytes that the peer wrote");
      }
      if (reader.region() != dst.area().id() || reader.offset() != offset + done) {
        throw new ChannelException.Violated(
            "A get at "
                + dst.name()
                + "+"
                + (offset + done)
                + " met a put at "
                + peer.exports().nameOf(reader.region())
                + "+"
                + reader.offset());
      }
      long part = Math.min(length - done, reader.remaining());
      reader.take(part);
      done += part;
      finishFrame();
    }
  }

  /** Gives the receive back once all of its frame is taken. */
  private void finishFrame() throws ChannelException {
    if (!reader.isDone()) {
      return;
    }
    int slot = current;
    current = -1;
    framesTaken++;
    credits.streamReposted();
    repost(slot);
    if (credits.isReturnDue()) {
      outbox.pump();
    }
  }

  /** Waits for bytes, written or put; false at the end. */
  private boolean next() throws ChannelException {
    if (!isSomethingNext()) {
      progress.await(bytesThere);
    }
    return isBytesNext();
  }

  /** A barrier in front of the next bytes is another thread's to meet. */
  private boolean isSomethingNext() throws ChannelException {
    return isBytesNext() || (ended && current < 0 && count == 0);
  }

  private boolean isBytesNext() {
    if (current >= 0) {
      return true;
    }
    Mark mark = marks.peek();
    if (count == 0 || (mark != null && mark.behind() == framesTaken)) {
      return false;
    }
    current = waiting[first];
    first = (first + 1) % waiting.length;
    count--;
    reader.begin(rings.receive(current));
    return true;
  }

  boolean hasEnded() {
    return ended;
  }

  // The barrier.

  /** This side stands at its barrier, and the peer is told. */
  long arrive() throws ChannelException {
    outbox.send(new Control.Barrier(++barriers));
    return barriers;
  }

  /** Waits for the peer's barrier, with all before it taken, and tells that it is met. */
  void meet() throws ChannelException {
    if (!isMarkNext()) {
      progress.await(markThere);
    }
    outbox.send(new Control.BarrierMet(marks.remove().count()));
  }

  private boolean isMarkNext() throws ChannelException {
    Mark mark = marks.peek();
    if (mark == null) {
      if (ended) {
        throw new ChannelException.EndedEarly("The peer of " + name + " ended before the barrier");
      }
      return false;
    }
    return mark.behind() == framesTaken;
  }

  /** Waits until the peer has met this side's barrier. */
  void awaitMet() throws ChannelException {
    progress.await(allMet);
  }

  private boolean isAllMet() throws ChannelException {
    if (met < barriers && progress.isDisconnected() && progress.broken() == null) {
      throw new ChannelException.Lost(
          "The peer of " + name + " closed the connection before the barrier");
    }
    return met == barriers;
  }
}
