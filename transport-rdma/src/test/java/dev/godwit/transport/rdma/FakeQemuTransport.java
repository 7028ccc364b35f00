package dev.godwit.transport.rdma;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Transport;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import dev.godwit.transport.support.ChannelLifecycle;
import java.util.Map;
import java.util.UUID;

/**
 * {@code rdma-fake-qemu:name:port}: channels in QEMU's dialect, source dialled and destination
 * accepted, on a {@link FakeFabric}. Both ways, on two connections.
 */
public class FakeQemuTransport implements Transport {
  private static final FakeFabric FABRIC = new FakeFabric(Long.getLong("godwit.seed", 1));
  private static final FakeLobby<Dial> LOBBY = new FakeLobby<>();

  private final String scheme;
  private final boolean bothWays;

  public FakeQemuTransport() {
    this("rdma-fake-qemu", true);
  }

  private FakeQemuTransport(String scheme, boolean bothWays) {
    this.scheme = scheme;
    this.bothWays = bothWays;
  }

  /** {@code rdma-fake-qemu-out:name:port}: the same without a return path. */
  public static final class OneWay extends FakeQemuTransport {
    public OneWay() {
      super("rdma-fake-qemu-out", false);
    }
  }

  /** One connection's end. */
  private record Wire(FakeQueuePair queuePair, Rings rings) {
    static Wire of(Rings rings, Domain domain) {
      return new Wire(QemuPair.queuePair(FABRIC, rings, domain), rings);
    }

    void close() throws ChannelException {
      queuePair.close();
      rings.close();
    }
  }

  /** A dial that waits to be accepted: the source's ends of both connections. */
  private static final class Dial {
    final Wire main;
    final Wire back;
    final boolean pinAll;
    boolean accepted;

    Dial(Wire main, Wire back, boolean pinAll) {
      this.main = main;
      this.back = back;
      this.pinAll = pinAll;
    }
  }

  @Override
  public String scheme() {
    return scheme;
  }

  @Override
  public String description() {
    return "QEMU's own RDMA without a device";
  }

  @Override
  public Availability availability() {
    return Availability.available();
  }

  @Override
  public Capabilities capabilities() {
    return bothWays ? RdmaTransport.QEMU_BOTH_WAYS : RdmaTransport.QEMU;
  }

  @Override
  public Map<String, String> settings() {
    return RdmaOptions.SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) {
    RdmaOptions options = RdmaOptions.of(target);
    RdmaPeer peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    return LOBBY.dialer(target, peer, new Dialling(target, options, peer, bothWays));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    RdmaOptions options = RdmaOptions.of(address);
    return LOBBY.listen(address, dial -> accepted(address, options, dial));
  }

  private static Channel channel(
      Endpoint here,
      Wire wire,
      RdmaPeer peer,
      RdmaOptions options,
      RdmaChannel.DialectSource dialects) {
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            here,
            here,
            new PeerIdentity.Unknown(),
            RdmaTransport.QEMU,
            peer);
    return RdmaChannel.open(info, wire.queuePair(), wire.rings(), peer, options, dialects);
  }

  private static Channel sends(
      Endpoint here, Wire wire, RdmaPeer peer, RdmaOptions options, boolean pinAll) {
    return channel(
        here,
        wire,
        peer,
        options,
        (channel, progress, name) ->
            new QemuSource(
                wire.queuePair(), wire.rings(), progress, peer, pinAll, options.writes(), name));
  }

  private static Channel takes(
      Endpoint here,
      Wire wire,
      RdmaPeer peer,
      RdmaOptions options,
      boolean pinAll,
      boolean mayBegin) {
    return channel(
        here,
        wire,
        peer,
        options,
        (channel, progress, name) ->
            new QemuTarget(wire.queuePair(), wire.rings(), progress, peer, pinAll, mayBegin, name));
  }

  /** The one dial of a migration. */
  private record Dialling(Endpoint target, RdmaOptions options, RdmaPeer peer, boolean bothWays)
      implements FakeLobby.Dialling<Dial> {
    @Override
    public Dial begin() throws ChannelException {
      if (peer.isTakenByQemu()) {
        throw new ChannelException.Unsupported("One channel a migration");
      }
      return new Dial(
          wire(new Rings(options.slots(), options.slotBytes())),
          wire(Rings.ofQemu()),
          options.pinAll());
    }

    private Wire wire(Rings rings) throws ChannelException {
      return Wire.of(rings, peer.enter(FABRIC, FABRIC::domain));
    }

    @Override
    public boolean isAccepted(Dial dial) {
      return dial.accepted;
    }

    @Override
    public Channel opened(Dial dial) throws ChannelException {
      peer.answeredByQemu();
      Channel main = sends(target, dial.main, peer, options, dial.pinAll);
      if (!bothWays) {
        close(dial.back);
        return main;
      }
      Channel back = takes(target, dial.back, peer, options, false, true);
      return QemuTwoWayChannel.ofSource(main, back);
    }

    @Override
    public void dropped(Dial dial) throws ChannelException {
      close(dial.main);
      close(dial.back);
    }

    private void close(Wire wire) throws ChannelException {
      wire.close();
      peer.exit();
    }
  }

  private Channel accepted(Endpoint local, RdmaOptions options, Dial dial) throws ChannelException {
    dial.accepted = true;
    RdmaPeer peer = RdmaPeer.ofQemu(options);
    Channel main = takes(local, answer(dial.main, peer), peer, options, dial.pinAll, false);
    if (!bothWays) {
      return main;
    }
    RdmaPeer backPeer = RdmaPeer.ofQemu(options);
    Channel back = sends(local, answer(dial.back, backPeer), backPeer, options, false);
    return QemuTwoWayChannel.ofDestination(main, back);
  }

  private static Wire answer(Wire other, RdmaPeer peer) throws ChannelException {
    Wire made = Wire.of(Rings.ofQemu(), peer.enter(FABRIC, FABRIC::domain));
    made.queuePair().connect(other.queuePair());
    return made;
  }
}
