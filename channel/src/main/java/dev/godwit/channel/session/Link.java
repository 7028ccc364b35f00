package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameHeader;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.StreamState;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One connection of a session, with a thread that writes and one that reads. It is lost once and
 * never comes back; another one takes its place.
 */
final class Link {
  /** What a rail that shares the work may have on its way before its rate is known. */
  private static final long FIRST_SHARE_BYTES = 512 * 1024;

  /** How long a rail that shares the work may be busy with what it was given. */
  private static final long SHARE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  /** The peer is told after so many bytes that they have come over this link. */
  private static final long RECEIPT_BYTES = 256 * 1024;

  /** How long the last words may take. */
  static final Duration FAREWELL = Duration.ofSeconds(1);

  private static final long UNKNOWN = Long.MAX_VALUE;

  final int rail;
  private final Channel channel;
  private final FrameReader reader;
  private final Session session;
  private final Traffic traffic;
  private final Monitor lock;
  private final Monitor work;
  private final Batch batch = new Batch();
  private final Thread writer;

  // Under the session's lock.
  private @Nullable ByteBuffer state;
  private boolean open;
  private boolean idle;
  private boolean beatDue;
  private long beatNanos;
  private long echoClock = -1;
  private long echoedClock = -1;
  private long roundTripNanos = UNKNOWN;
  private long sentBytes;
  private long confirmedBytes;
  private long confirmedNanos;
  private double bytesPerNano;
  private long receivedBytes;
  private long toldBytes;
  private boolean saidFarewell;

  /**
   * @param channel the link's own from now on
   * @param reader of the same channel, behind the handshake
   */
  Link(int rail, Channel channel, FrameReader reader, Session session, Traffic traffic) {
    this.rail = rail;
    this.channel = channel;
    this.reader = reader;
    this.session = session;
    this.traffic = traffic;
    this.lock = traffic.lock;
    this.work = lock.sibling();
    this.writer =
        Thread.ofPlatform()
            .daemon()
            .name("session-" + traffic.id() + "-rail-" + rail + "-out")
            .unstarted(this::write);
  }

  /** Takes part from now on, and begins by saying what this side has; under the lock. */
  void begin() {
    state = StreamState.encode(traffic.state());
    traffic.add(this);
    traffic.enter();
    writer.start();
  }

  String address() {
    return channel.info().remote().toString();
  }

  // What is sent.

  private void write() {
    try {
      while (next()) {
        batch.send(channel);
      }
      channel.shutdownOutput();
    } catch (ChannelException e) {
      abort(e);
    } catch (RuntimeException | Error e) {
      abort(e);
      throw e;
    }
  }

  /** Waits for something to send; false once there will be nothing more. */
  private boolean next() {
    lock.lock();
    try {
      while (true) {
        batch.clear();
        traffic.fill(this, batch);
        if (!batch.isEmpty()) {
          return true;
        }
        if (session.isOver() || !traffic.links().contains(this)) {
          return false;
        }
        idle = true;
        work.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /** There may be something to send; under the lock. */
  void wake() {
    if (idle) {
      idle = false;
      work.signalAll();
    }
  }

  /** What is this link's own to say; under the lock. */
  void fill(Batch into) {
    ByteBuffer first = state;
    if (first != null) {
      state = null;
      into.add(FrameType.STATE, 0, 0, 0, first);
    }
    if (!saidFarewell && open) {
      saidFarewell = session.sayFarewell(into);
    }
    if (echoClock >= 0) {
      into.add(FrameType.ECHO, 0, receivedBytes, echoClock);
      echoClock = -1;
      toldBytes = receivedBytes;
    }
    if (beatDue) {
      beatDue = false;
      into.add(FrameType.BEAT, 0, receivedBytes, session.clock());
      toldBytes = receivedBytes;
    }
    if (receivedBytes - toldBytes >= RECEIPT_BYTES && traffic.links().size() > 1) {
      into.add(FrameType.RECEIPT, 0, receivedBytes, 0);
      toldBytes = receivedBytes;
    }
  }

  /** Says a sign of life soon, if none was due for {@code intervalNanos}; under the lock. */
  void beat(long intervalNanos) {
    long now = System.nanoTime();
    if (now - beatNanos >= intervalNanos) {
      beatNanos = now;
      beatDue = true;
      wake();
    }
  }

  /** A chunk was given to this link; under the lock. */
  void carries(Chunk chunk) {
    sentBytes += chunk.length;
    session.carried(this, chunk.length, 0);
  }

  /** Whether a link that shares the work may be given more; under the lock. */
  boolean mayTake() {
    double share =
        2 * bytesPerNano * (SHARE_NANOS + (roundTripNanos == UNKNOWN ? 0 : roundTripNanos));
    return sentBytes - confirmedBytes < Math.max(FIRST_SHARE_BYTES, share);
  }

  boolean isQuickerThan(Link other) {
    return roundTripNanos < other.roundTripNanos;
  }

  // What is received.

  /** Reads until the link is lost, and then releases it. */
  void run() {
    ChannelException why;
    try {
      while (reader.next()) {
        received();
      }
      why = new ChannelException.Lost("The other end closed the connection");
    } catch (ChannelException.Lost e) {
      why = e;
      if (reader.isDamaged()) {
        damaged();
      }
    } catch (ChannelException e) {
      why = e;
      session.fail(e);
    } catch (RuntimeException | Error e) {
      session.fail(new ChannelException.Aborted("Godwit failed: " + e, e));
      release(e);
      throw e;
    }
    release(why);
  }

  /** Gives everything back, after the last words if the session is over. */
  private void release(Throwable why) {
    if (session.isOver()) {
      // Until the peer has read them; the session aborts a link that takes too long.
      awaitWriter();
      reader.drain();
    }
    session.lost(this, why);
    abort(why);
    Uninterruptibly.join(writer);
    try {
      channel.close();
    } catch (ChannelException e) {
      why.addSuppressed(e);
    }
    lock.lock();
    try {
      traffic.leave();
    } finally {
      lock.unlock();
    }
  }

  private void awaitWriter() {
    try {
      writer.join(FAREWELL);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** A header arrived damaged, and the link with it. */
  private void damaged() {
    lock.lock();
    try {
      traffic.countDamage();
    } catch (ChannelException e) {
      session.fail(e);
    } finally {
      lock.unlock();
    }
  }

  private void received() throws ChannelException {
    FrameHeader frame = reader.header();
    if (!open && frame.type() != FrameType.STATE && frame.type() != FrameType.GONE) {
      if (frame.type() == FrameType.REFUSAL) {
        throw new ChannelException.Lost(
            "The other end refused the link: "
                + Handshake.printable(
                    StandardCharsets.UTF_8.decode(reader.wholePayload()).toString()));
      }
      throw new ChannelException.Violated("A link began with " + frame.type());
    }
    switch (frame.type()) {
      case CHUNK -> chunk(frame);
      case STATE -> state();
      case GONE ->
          session.fail(
              new ChannelException.Lost(
                  "The other Godwit gave up: "
                      + Handshake.printable(
                          StandardCharsets.UTF_8.decode(reader.wholePayload()).toString())));
      case ACK, AGAIN, BEAT, ECHO, RECEIPT -> signal(frame);
      default -> throw new ChannelException.Violated(frame.type() + " came behind the handshake");
    }
  }

  private void chunk(FrameHeader frame) throws ChannelException {
    int length = frame.length();
    boolean whole = reader.isPayloadWhole();
    Stream stream = null;
    lock.lock();
    try {
      receivedBytes += length;
      if (receivedBytes - toldBytes >= RECEIPT_BYTES && traffic.links().size() > 1) {
        wake();
      }
      session.carried(this, 0, length);
      if (whole) {
        stream = traffic.claim(frame.stream(), frame.position(), length);
      } else if (traffic.damaged(frame.stream(), frame.position(), length)) {
        session.report(new SessionEvent.Damaged(rail, address()));
      }
    } catch (ChannelException.Aborted e) {
      // The session is over; what still comes is nobody's.
      return;
    } finally {
      lock.unlock();
    }
    if (stream != null) {
      stream.in.store(frame.position(), reader.memory(), length);
      lock.lock();
      try {
        traffic.stored(stream, frame.position(), length);
      } finally {
        lock.unlock();
      }
    }
  }

  private void state() throws ChannelException {
    if (open) {
      throw new ChannelException.Violated("A link says twice what there is");
    }
    ByteBuffer payload = reader.wholePayload();
    lock.lock();
    try {
      for (StreamState held : StreamState.decode(payload)) {
        traffic.acknowledged(held.stream(), held.held(), held.taken());
      }
      open = true;
      idle = true;
      wake();
    } finally {
      lock.unlock();
    }
    reader.admit(traffic.chunkBytes());
    session.joined(this);
  }

  private void signal(FrameHeader frame) throws ChannelException {
    if (frame.length() != 0) {
      throw new ChannelException.Violated(frame.type() + " has no payload");
    }
    lock.lock();
    try {
      switch (frame.type()) {
        case ACK -> traffic.acknowledged(frame.stream(), frame.position(), frame.value());
        case AGAIN -> traffic.again(frame.stream(), frame.position(), frame.value());
        case BEAT -> {
          echoClock = frame.value();
          confirmed(frame.position());
          wake();
        }
        case ECHO -> {
          echoed(frame.value());
          confirmed(frame.position());
        }
        default -> confirmed(frame.position());
      }
    } finally {
      lock.unlock();
    }
  }

  private void confirmed(long bytes) throws ChannelException {
    if (bytes > sentBytes || bytes < confirmedBytes) {
      throw new ChannelException.Violated(
          "The peer says that " + bytes + " bytes came over a link that has carried " + sentBytes);
    }
    long now = System.nanoTime();
    long more = bytes - confirmedBytes;
    if (more > 0) {
      double rate = (double) more / Math.max(1, now - confirmedNanos);
      bytesPerNano = bytesPerNano == 0 ? rate : (bytesPerNano * 3 + rate) / 4;
      confirmedBytes = bytes;
      wake();
    }
    confirmedNanos = now;
  }

  private void echoed(long clock) throws ChannelException {
    long now = session.clock();
    if (clock > now || clock < echoedClock) {
      throw new ChannelException.Violated("The peer echoes a sign of life that was never given");
    }
    echoedClock = clock;
    long nanos = now - clock;
    roundTripNanos = roundTripNanos == UNKNOWN ? nanos : (roundTripNanos * 3 + nanos) / 4;
    lock.signalAll();
  }

  // What others want to know, and the end.

  /** Whether both sides have said what they have; under the lock. */
  boolean isOpen() {
    return open;
  }

  /** Whether a sign of life that was given at {@code clock} or later has come back; lock held. */
  boolean hasEchoed(long clock) {
    return open && echoedClock >= clock;
  }

  /** How long nothing has come. */
  long silentNanos() {
    return System.nanoTime() - reader.heardNanos();
  }

  Optional<Long> roundTripNanos() {
    return roundTripNanos == UNKNOWN ? Optional.empty() : Optional.of(roundTripNanos);
  }

  /** Breaks it; any thread, never blocks. */
  void abort(Throwable why) {
    channel.abort(why);
  }

  @Override
  public String toString() {
    return "rail " + rail + " (" + address() + ")";
  }
}
