package dev.godwit.transport.tls;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Task;
import java.util.ArrayList;
import java.util.List;

/** A TCP connection whose ends are not yet in TLS, and both ends' handshakes over it. */
final class Wire implements AutoCloseable {
  private final List<AutoCloseable> open = new ArrayList<>();
  private final Channel dialled;
  private final Channel accepted;

  Wire() throws Exception {
    try (Listener listener = Transports.load().listen(Endpoint.parse("tcp:127.0.0.1:0"));
        Dialer dialer = Transports.load().dialer(listener.local())) {
      dialled = keep(dialer.dial(Pair.soon()));
      accepted = keep(listener.accept(Pair.soon()));
    }
  }

  Channel dialled() {
    return dialled;
  }

  Channel accepted() {
    return accepted;
  }

  private <T extends AutoCloseable> T keep(T opened) {
    open.addFirst(opened);
    return opened;
  }

  /** Begins the handshake of a client. */
  Task<Channel> dial(String settings) {
    return dial(settings, dialled);
  }

  /** The same over {@code beneath}, which is above the dialled end. */
  Task<Channel> dial(String settings, Channel beneath) {
    return Task.start("dial", () -> wrap(wrapping(settings, Layer.Side.DIALLING), beneath));
  }

  /** Begins the handshake of a server. */
  Task<Channel> accept(String settings) {
    return Task.start("accept", () -> wrap(wrapping(settings, Layer.Side.ACCEPTING), accepted));
  }

  static Layer.Wrapping wrapping(String settings, Layer.Side side) {
    Endpoint endpoint = Endpoint.parse("tcp:127.0.0.1:1?" + settings);
    String value = endpoint.settings().text("tls").orElse("");
    return new TlsLayer().configure(new Layer.Naming(endpoint, side, value));
  }

  /** As a dialer and a listener do. */
  private Channel wrap(Layer.Wrapping wrapping, Channel inner) throws ChannelException {
    try {
      return keep(wrapping.wrap(inner, Pair.soon()));
    } catch (ChannelException e) {
      inner.abort(e);
      inner.close();
      throw e;
    }
  }

  /** Closes what is left; what a test broke on purpose may fail to close. */
  @Override
  public void close() {
    for (AutoCloseable opened : open) {
      if (opened instanceof Channel channel) {
        channel.abort(new IllegalStateException("The test is over"));
      }
    }
    for (AutoCloseable opened : open) {
      try {
        opened.close();
      } catch (Exception e) {
        throw new AssertionError("Closing " + opened + " after an abort failed", e);
      }
    }
  }
}
