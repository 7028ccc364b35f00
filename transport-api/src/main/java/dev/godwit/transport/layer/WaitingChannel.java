package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ForwardingChannel;

/** A layer that holds up what is sent; abort and close end its waits at once. */
abstract sealed class WaitingChannel extends ForwardingChannel
    permits DelayChannel, ThrottleChannel {
  private final Gate gate = new Gate();

  WaitingChannel(Channel inner) {
    super(inner);
  }

  final Gate gate() {
    return gate;
  }

  @Override
  public final void abort(Throwable cause) {
    inner().abort(cause);
    gate.shut(cause);
  }

  @Override
  public final void close() throws ChannelException {
    gate.shut(null);
    inner().close();
  }
}
