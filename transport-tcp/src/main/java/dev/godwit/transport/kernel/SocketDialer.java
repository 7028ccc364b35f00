package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.StreamRegions;
import org.jspecify.annotations.Nullable;

/** A dialer whose attempts wait beside a {@link Waker}. */
public final class SocketDialer implements Dialer {

  /** One attempt; it ends with {@link ChannelException.Aborted} when the waker is woken. */
  @FunctionalInterface
  public interface Attempt {
    Channel connect(Peer peer, Waker waker, Deadline deadline) throws ChannelException;
  }

  private final Endpoint target;
  private final Attempt attempt;
  private final Waker waker;
  private final Peer peer = new StreamRegions();
  private @Nullable Throwable abortedBy;
  private boolean closed;

  public SocketDialer(Endpoint target, Attempt attempt) throws ChannelException {
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
