package dev.godwit.lab.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;

/** Dials as another does, and puts something around each channel. */
public final class WrappingDialer implements Dialer {
  private final Dialer inner;
  private final Wrapping wrapping;
  private int dialled;

  public WrappingDialer(Dialer inner, Wrapping wrapping) {
    this.inner = inner;
    this.wrapping = wrapping;
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
    Channel channel = inner.dial(deadline);
    synchronized (this) {
      return wrapping.wrap(dialled++, channel);
    }
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
