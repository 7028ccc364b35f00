package dev.godwit.transport.tcp;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Transport;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.Kernel;
import java.util.Map;

/** {@code tcp:host:port}, the wire of QEMU's own {@code tcp:}. */
public final class TcpTransport implements Transport {
  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.NONE, true, true, true);

  @Override
  public String scheme() {
    return "tcp";
  }

  @Override
  public String description() {
    return "A TCP connection in clear, as in tcp:hostb:4444, tcp:[::1]:4444 or tcp::4444 to listen"
        + " on every address";
  }

  @Override
  public Availability availability() {
    return Kernel.availability();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return TcpOptions.SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    TcpOptions options = TcpOptions.of(target);
    TcpConnector connector = new TcpConnector(target, options);
    return new DescriptorDialer(target, connector);
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    return TcpBinder.listen(address, TcpOptions.of(address));
  }
}
