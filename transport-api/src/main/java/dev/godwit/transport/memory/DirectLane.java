package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.memory.DirectPeer.DirectRegion;
import dev.godwit.transport.memory.Placer.Put;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Written bytes in order, and a record for each put whose bytes land on their own. What was sent
 * becomes visible at the next flush at the latest, and earlier if the seed says so: who forgets to
 * flush finds out.
 */
final class DirectLane implements Lane {
  /** What the receiver has not taken yet; a bound, for a receiver that takes nothing. */
  private static final int MAX_ENTRIES = 4096;

  /** One write or put in so many makes what was sent visible. */
  private static final int ANNOUNCED_ONE_IN = 2;

  /** An entry of the log. */
  private sealed interface Entry {}

  /** Bytes that the receiver must take next. */
  private abstract static sealed class Bytes implements Entry {
    /** How many of them the receiver has taken. */
    long taken;
  }

  private static final class Written extends Bytes {
    private final MemorySegment bytes;

    Written(MemorySegment bytes) {
      this.bytes = bytes;
    }
  }

  private static final class Placed extends Bytes {
    private final Put put;

    Placed(Put put) {
      this.put = put;
    }
  }

  /** The sender stands at its barrier. */
  private static final class Mark implements Entry {
    private boolean met;
  }

  private final Monitor monitor;
  private final DirectPeer sender;
  private final Placer placer;
  private final long capacityBytes;
  private final Deque<Entry> hidden = new ArrayDeque<>();
  private final Deque<Entry> visible = new ArrayDeque<>();
  private long writtenBytes;
  private int copies;
  private Mark lastMark = new Mark();
  private boolean sending;
  private boolean ended;
  private boolean deaf;
  private @Nullable String severed;
  private boolean refused;

  DirectLane(Monitor monitor, DirectPeer sender, Placer placer, long capacityBytes) {
    this.monitor = monitor;
    this.sender = sender;
    this.placer = placer;
    this.capacityBytes = capacityBytes;
  }

  // The sender.

  @Override
  public void write(MemorySegment src) throws ChannelException {
    monitor.lock();
    sending = true;
    try {
      for (long done = 0; done < src.byteSize(); ) {
        awaitRoom();
        long part = Math.min(src.byteSize() - done, capacityBytes - writtenBytes);
        MemorySegment copy = MemorySegment.ofArray(new byte[(int) part]);
        hidden.add(new Written(copy.copyFrom(src.asSlice(done, part))));
        writtenBytes += part;
        done += part;
        sent();
      }
    } finally {
      sending = false;
      monitor.unlock();
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    DirectRegion from = sender.own(src);
    DirectRegion to = sender.theirs(dst);
    Objects.checkFromIndexSize(dstOffset, length, to.raw().byteSize());
    if (length == 0) {
      return;
    }
    monitor.lock();
    sending = true;
    try {
      awaitRoom();
      if (to.isClosed()) {
        throw new ChannelException.Violated("The peer has closed region " + to.name());
      }
      Put put = new Put(this, from, srcOffset, to, dstOffset, length);
      placer.post(put);
      hidden.add(new Placed(put));
      sent();
    } finally {
      sending = false;
      monitor.unlock();
    }
  }

  private void awaitRoom() throws ChannelException {
    while (true) {
      requireOutput();
      if (writtenBytes < capacityBytes && hidden.size() + visible.size() < MAX_ENTRIES) {
        return;
      }
      announce();
      monitor.await();
    }
  }

  /** Passes while the sender may send. */
  void requireOutput() throws ChannelException {
    requirePlaced();
    if (deaf || ended) {
      throw new ChannelException.Lost("The peer closed the connection");
    }
  }

  private void sent() {
    if (placer.oneIn(ANNOUNCED_ONE_IN)) {
      announce();
    }
    placer.tick();
  }

  private void announce() {
    visible.addAll(hidden);
    hidden.clear();
    monitor.signalAll();
  }

  @Override
  public void flush() {
    monitor.lock();
    try {
      announce();
      placer.tick();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void settle() throws ChannelException {
    monitor.lock();
    try {
      announce();
      placer.land(put -> put.lane() == this);
      awaitNoCopies();
      requirePlaced();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void end() throws ChannelException {
    monitor.lock();
    try {
      if (sending) {
        sever("The peer closed the connection in the middle of a write");
      } else if (severed == null || !visible.isEmpty() || !hidden.isEmpty()) {
        settle();
      }
      ended = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public long outstandingPuts() {
    monitor.lock();
    try {
      return placer.outstanding(this) + copies;
    } finally {
      monitor.unlock();
    }
  }

  // The receiver.

  @Override
  public long read(MemorySegment dst) throws ChannelException {
    monitor.lock();
    try {
      placer.tick();
      return switch (next()) {
        case null -> -1;
        case Written written -> take(written, dst);
        case Placed placed ->
            throw new ChannelException.Violated(
                "A read met bytes that the peer put into region " + placed.put.dst().name());
      };
    } finally {
      monitor.unlock();
    }
  }

  private long take(Written written, MemorySegment dst) {
    long part = Math.min(dst.byteSize(), written.bytes.byteSize() - written.taken);
    MemorySegment.copy(written.bytes, written.taken, dst, 0, part);
    taken(written, part, written.bytes.byteSize());
    writtenBytes -= part;
    return part;
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    monitor.lock();
    try {
      placer.tick();
      for (long done = 0; done < length; ) {
        done += take(next(), dst, dstOffset + done, length - done);
      }
    } finally {
      monitor.unlock();
    }
  }

  private long take(@Nullable Bytes next, Region dst, long dstOffset, long length)
      throws ChannelException {
    return switch (next) {
      case null ->
          throw new ChannelException.EndedEarly(
              "The peer ended " + length + " bytes before the end of what it was to place");
      case Placed placed -> take(placed, dst, dstOffset, length);
      case Written written ->
          throw new ChannelException.Violated(
              "A get of "
                  + length
                  + " bytes met "
                  + (written.bytes.byteSize() - written.taken)
                  + " bytes that the peer wrote");
    };
  }

  private long take(Placed placed, Region dst, long dstOffset, long length)
      throws ChannelException {
    Put put = placed.put;
    long offset = put.dstOffset() + placed.taken;
    if (put.dst() != dst || offset != dstOffset) {
      throw new ChannelException.Violated(
          "A get at "
              + dst.name()
              + "+"
              + dstOffset
              + " met a put at "
              + put.dst().name()
              + "+"
              + offset);
    }
    placer.waiting(1);
    try {
      while (!put.hasLanded()) {
        requireWhole();
        requireHearing();
        monitor.await();
      }
    } finally {
      placer.waiting(-1);
    }
    long part = Math.min(length, put.length() - placed.taken);
    taken(placed, part, put.length());
    return part;
  }

  private void taken(Bytes entry, long part, long all) {
    entry.taken += part;
    if (entry.taken == all) {
      visible.remove();
    }
    monitor.signalAll();
  }

  /** Waits for bytes; a barrier in front of them is another thread's to meet. Null at the end. */
  private @Nullable Bytes next() throws ChannelException {
    while (true) {
      requireWhole();
      requireHearing();
      if (visible.peek() instanceof Bytes bytes) {
        return bytes;
      }
      if (ended && visible.stream().allMatch(Mark.class::isInstance)) {
        return null;
      }
      monitor.await();
    }
  }

  @Override
  public void deafen() {
    monitor.lock();
    try {
      deaf = true;
      placer.drop(this);
    } finally {
      monitor.unlock();
    }
  }

  // The barrier.

  @Override
  public void arrive() throws ChannelException {
    monitor.lock();
    try {
      requirePlaced();
      lastMark = new Mark();
      hidden.add(lastMark);
      settle();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void meet() throws ChannelException {
    monitor.lock();
    try {
      while (true) {
        requireWhole();
        requireHearing();
        if (visible.peek() instanceof Mark mark) {
          visible.remove();
          mark.met = true;
          monitor.signalAll();
          return;
        }
        if (ended && visible.stream().noneMatch(Mark.class::isInstance)) {
          throw new ChannelException.EndedEarly("The peer ended before the barrier");
        }
        monitor.await();
      }
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void awaitMet() throws ChannelException {
    monitor.lock();
    try {
      while (!lastMark.met) {
        requirePlaced();
        if (deaf) {
          throw new ChannelException.Lost("The peer closed the connection before the barrier");
        }
        monitor.await();
      }
    } finally {
      monitor.unlock();
    }
  }

  // Both.

  @Override
  public void sever(String why) {
    monitor.lock();
    try {
      if (severed == null) {
        severed = why;
      }
      placer.drop(this);
    } finally {
      monitor.unlock();
    }
  }

  /** A put could not be placed: the sender broke the rules, and the receiver loses it. */
  void refuse(String why) {
    refused = refused || severed == null;
    sever(why);
  }

  @Override
  public void rest() {
    monitor.lock();
    try {
      awaitNoCopies();
    } finally {
      monitor.unlock();
    }
  }

  /** The placer begins (1) or ends (-1) to copy a put of this lane. */
  void copying(int change) {
    copies += change;
  }

  /** Whether this direction still carries something; the caller holds the monitor. */
  boolean isAlive() {
    return severed == null && !deaf;
  }

  private void awaitNoCopies() {
    while (copies > 0) {
      monitor.await();
    }
  }

  /** For the sender: a put that was refused is its own fault. */
  private void requirePlaced() throws ChannelException {
    if (refused && severed != null) {
      throw new ChannelException.Violated(severed);
    }
    requireWhole();
  }

  private void requireWhole() throws ChannelException {
    if (severed != null) {
      throw new ChannelException.Lost(severed);
    }
  }

  private void requireHearing() throws ChannelException {
    if (deaf) {
      throw new ChannelException.Lost("This side closed the connection");
    }
  }
}
