package dev.godwit.lab.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;

/** Listens as another does, and puts something around each channel. */
public final class WrappingListener implements Listener {
  private final Listener inner;
  private final Wrapping wrapping;
  private int accepted;

  public WrappingListener(Listener inner, Wrapping wrapping) {
    this.inner = inner;
    this.wrapping = wrapping;
  }

  @Override
  public Endpoint local() {
    return inner.local();
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    Channel channel = inner.accept(deadline);
    synchronized (this) {
      return wrapping.wrap(accepted++, channel);
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
