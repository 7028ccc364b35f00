package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import org.jspecify.annotations.Nullable;

/** Accepts the one channel that its address stands for; whoever asks for another waits in vain. */
public final class SingleListener implements Listener {

  /** The channel to be, until it is accepted. */
  public interface Source {
    Channel open() throws ChannelException;

    /** Releases what was held for a channel that was never accepted. */
    void discard();
  }

  private final Endpoint local;
  private final Source source;
  private final Waker waker;
  private @Nullable Throwable abortedBy;
  private boolean accepted;
  private boolean closed;

  /**
   * @param source belongs to this listener, unless this throws
   */
  public SingleListener(Endpoint local, Source source) throws ChannelException {
    this.local = local;
    this.source = source;
    this.waker = Waker.open();
  }

  @Override
  public Endpoint local() {
    return local;
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    if (takeTurn()) {
      return source.open();
    }
    Waker.Outcome outcome = waker.await(-1, 0, deadline);
    takeTurn();
    throw outcome == Waker.Outcome.TIMED_OUT
        ? new ChannelException.TimedOut(local + " carries one channel, and it was accepted before")
        : new ChannelException.Aborted("Listening at " + local + " has ended", null);
  }

  /** True for the first caller. */
  private synchronized boolean takeTurn() throws ChannelException {
    if (abortedBy != null || closed) {
      throw new ChannelException.Aborted("Listening at " + local + " has ended", abortedBy);
    }
    boolean first = !accepted;
    accepted = true;
    return first;
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
    boolean unused;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      unused = !accepted;
    }
    waker.close();
    if (unused) {
      source.discard();
    }
  }
}
