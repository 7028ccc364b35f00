package dev.godwit.lab.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import org.jspecify.annotations.Nullable;

/** Listens once it is asked for a connection: a file can be read only once it is there. */
final class LateListener implements Listener {
  private final Transports transports;
  private final Endpoint address;
  private @Nullable Listener listener;
  private @Nullable Throwable aborted;

  LateListener(Transports transports, Endpoint address) {
    this.transports = transports;
    this.address = address;
  }

  private synchronized Listener listener() throws ChannelException {
    if (aborted != null) {
      throw new ChannelException.Aborted("Nobody listens any more", aborted);
    }
    if (listener == null) {
      listener = transports.listen(address);
    }
    return listener;
  }

  @Override
  public Endpoint local() {
    return address;
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    return listener().accept(deadline);
  }

  @Override
  public synchronized void abort(Throwable cause) {
    aborted = cause;
    if (listener != null) {
      listener.abort(cause);
    }
  }

  @Override
  public synchronized void close() throws ChannelException {
    if (listener != null) {
      listener.close();
    }
  }
}
