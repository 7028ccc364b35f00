package dev.godwit.channel.session;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A dialer whose channels a test breaks, or has damaged on their way out. */
final class Links {
  private final Rail.Opening opening;
  private final List<Damaging> made = new CopyOnWriteArrayList<>();

  private final AtomicInteger tries = new AtomicInteger();

  /** A bit is flipped after so many bytes written to a channel; none if negative. */
  private final AtomicLong flipEvery = new AtomicLong(-1);

  /** How many bytes may still be written before everything is cut; any number if negative. */
  private final AtomicLong cutAfter = new AtomicLong(-1);

  Links(Rail.Opening opening) {
    this.opening = opening;
  }

  Rail rail(Endpoint target) {
    return new Rail(target, () -> new Wrapping(opening.open()));
  }

  void flipEvery(long bytes) {
    flipEvery.set(bytes);
  }

  /** Breaks every channel made so far. */
  void cut() {
    made.forEach(channel -> channel.abort(new ChannelException.Lost("A test cut it")));
    made.clear();
  }

  /** Breaks the channels made so far once one of them has been written so many more bytes. */
  void cutAfter(long bytes) {
    cutAfter.set(bytes);
  }

  /** How many channels have been made. */
  int tries() {
    return tries.get();
  }

  /** What the channels made so far are given, or would give, vanishes; nobody is told. */
  void vanish() {
    made.forEach(channel -> channel.vanishing = true);
  }

  private final class Wrapping implements Dialer {
    private final Dialer inner;

    Wrapping(Dialer inner) {
      this.inner = inner;
    }

    @Override
    public Endpoint target() {
      return inner.target();
    }

    @Override
    public Peer peer() {
      return inner.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      Damaging channel = new Damaging(inner.dial(deadline));
      made.add(channel);
      tries.incrementAndGet();
      return channel;
    }

    @Override
    public void abort(Throwable cause) {
      inner.abort(cause);
    }

    @Override
    public void close() throws ChannelException {
      inner.close();
    }
  }

  private final class Damaging extends ForwardingChannel {
    private long since;
    private volatile boolean vanishing;

    Damaging(Channel inner) {
      super(inner);
    }

    @Override
    public int read(ByteBuffer dst) throws ChannelException {
      int before = dst.position();
      int bytes = inner().read(dst);
      while (vanishing && bytes >= 0) {
        bytes = inner().read(dst.position(before));
      }
      return bytes;
    }

    @Override
    public void write(ByteBuffer... src) throws ChannelException {
      long every = flipEvery.get();
      for (ByteBuffer buffer : src) {
        int length = buffer.remaining();
        if (vanishing) {
          buffer.position(buffer.limit());
          continue;
        }
        long left = cutAfter.get();
        if (left >= 0 && left < length) {
          inner().write(buffer.slice(buffer.position(), (int) left));
          cutAfter.set(-1);
          cut();
        } else if (left >= 0) {
          cutAfter.set(left - length);
        }
        if (every > 0 && since + length > every) {
          byte[] copy = new byte[length];
          buffer.get(copy);
          copy[(int) (every - since)] ^= 1;
          since = 0;
          inner().write(ByteBuffer.wrap(copy));
        } else {
          since += length;
          inner().write(buffer);
        }
      }
    }
  }
}
