package dev.godwit.transport.rdma;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostFact;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Transport;
import dev.godwit.transport.rdma.verbs.Verbs;
import java.util.List;
import java.util.Map;

/** {@code rdma:host:port}, between two Godwits. */
public final class RdmaTransport implements Transport {
  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.RECORDED, Protection.NONE, true, true, true);

  /** What QEMU's own dialect can do without a return path. */
  static final Capabilities QEMU =
      new Capabilities(Placement.SILENT, Protection.NONE, false, false, false);

  /** The same with one. */
  static final Capabilities QEMU_BOTH_WAYS =
      new Capabilities(Placement.SILENT, Protection.NONE, false, true, true);

  @Override
  public String scheme() {
    return "rdma";
  }

  @Override
  public String description() {
    return "RDMA in clear over InfiniBand or RoCE, guest memory placed without a copy, as in"
        + " rdma:hostb:4444 or rdma::4444 to listen on every address";
  }

  @Override
  public Availability availability() {
    return Verbs.availability();
  }

  @Override
  public List<HostFact> facts() {
    return RdmaFacts.ofThisHost().all();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return RdmaOptions.SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    RdmaOptions options = RdmaOptions.of(target);
    Verbs verbs = available();
    long lockable = Verbs.lockableBytes();
    MemoryLimit.requireRings(lockable, options);
    return new RdmaDialer(verbs, target, options.within(lockable));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    RdmaOptions options = RdmaOptions.of(address);
    Verbs verbs = available();
    return RdmaBinder.listen(verbs, address, options.within(Verbs.lockableBytes()));
  }

  private Verbs available() throws ChannelException {
    return switch (availability()) {
      case Availability.Available() -> Verbs.install();
      case Availability.Unavailable(String cause) -> throw new ChannelException.Unsupported(cause);
    };
  }
}
