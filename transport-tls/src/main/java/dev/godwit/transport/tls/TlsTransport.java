package dev.godwit.transport.tls;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transport;
import dev.godwit.transport.Transports;
import java.util.HashMap;
import java.util.Map;

/** {@code tls:host:port}, which is {@code tcp:host:port} with the layer {@code tls} next to it. */
public final class TlsTransport implements Transport {
  private static final String BENEATH = "tcp";

  @Override
  public String scheme() {
    return "tls";
  }

  @Override
  public String description() {
    return "A TCP connection in TLS, as in tls:hostb:4444?tls-creds=/etc/pki/qemu";
  }

  @Override
  public Availability availability() {
    return beneath().availability();
  }

  @Override
  public Capabilities capabilities() {
    Capabilities beneath = beneath().capabilities();
    return new Capabilities(
        beneath.placement(),
        Protection.ENCRYPTED,
        beneath.manyChannels(),
        beneath.bidirectional(),
        beneath.halfClose());
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>(beneath().settings());
    settings.put(TlsOptions.KEY, TlsOptions.GRAMMAR);
    settings.putAll(TlsOptions.SETTINGS);
    return Map.copyOf(settings);
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    return new Renamed(target, Transports.load().dialer(overTcp(target)));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    return new RenamedListener(address.settings(), Transports.load().listen(overTcp(address)));
  }

  private static Transport beneath() {
    return Transports.load().of(BENEATH);
  }

  private static Endpoint overTcp(Endpoint endpoint) {
    Settings settings = endpoint.settings();
    Settings named =
        settings.values(TlsOptions.KEY).isEmpty() ? settings.with(TlsOptions.KEY, "") : settings;
    return new Endpoint(BENEATH, endpoint.address(), named);
  }

  /** The same place under the name that the user knows. */
  static Endpoint renamed(Endpoint endpoint) {
    return endpoint.scheme().equals(BENEATH)
        ? new Endpoint("tls", endpoint.address(), endpoint.settings())
        : endpoint;
  }

  /** The other end of a channel beneath TLS, for messages. */
  static String named(Channel inner) {
    Endpoint remote = renamed(inner.info().remote());
    return remote.scheme() + ":" + remote.address();
  }

  private record Renamed(Endpoint target, Dialer inner) implements Dialer {
    @Override
    public Peer peer() {
      return inner.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      return inner.dial(deadline);
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

  private record RenamedListener(Settings settings, Listener inner) implements Listener {
    @Override
    public Endpoint local() {
      return renamed(inner.local()).with(settings);
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      return inner.accept(deadline);
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
}
