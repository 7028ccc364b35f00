package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.StreamRegions;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A dialer whose attempts wait beside a {@link Waker}. */
public final class DescriptorDialer implements Dialer {

  /** One attempt; it ends with {@link ChannelException.Aborted} when the waker is woken. */
  @FunctionalInterface
  public interface Attempt {
    Channel connect(Peer peer, Waker waker, Deadline deadline) throws ChannelException;

    /** This attempt for a target that carries one channel: after a success it is refused. */
    default Attempt once(Endpoint target) {
      AtomicBoolean taken = new AtomicBoolean();
      return (peer, waker, deadline) -> {
        if (taken.getAndSet(true)) {
          throw new ChannelException.Refused(
              target + " carries one channel, and it has been dialled already");
        }
        boolean done = false;
        try {
          Channel channel = connect(peer, waker, deadline);
          done = true;
          return channel;
        } finally {
          taken.set(done);
        }
      };
    }
  }

  private final Endpoint target;
  private final Attempt attempt;
  private final Waker waker;
  private final Peer peer = new StreamRegions();
  private @Nullable Throwable abortedBy;
  private boolean closed;

  public DescriptorDialer(Endpoint target, Attempt attempt) throws ChannelException {
    this.target = target;
    this.attempt = attempt;
    this.waker = Waker.open();
  }

  @Override
  public Endpoint target() {
    return target;
  }

  @Override
  public Peer peer() {
    return peer;
  }

  @Override
  public Channel dial(Deadline deadline) throws ChannelException {
    requireOpen();
    try {
      return attempt.connect(peer, waker, deadline);
    } catch (ChannelException.Aborted e) {
      requireOpen();
      throw e;
    }
  }

  private synchronized void requireOpen() throws ChannelException {
    if (abortedBy != null || closed) {
      throw new ChannelException.Aborted("Dialling " + target + " has ended", abortedBy);
    }
  }

  @Override
  public void abort(Throwable cause) {
    synchronized (this) {
      if (abortedBy != null || closed) {
        return;
      }
      abortedBy = cause;
    }
    waker.wake();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    waker.close();
  }
}
