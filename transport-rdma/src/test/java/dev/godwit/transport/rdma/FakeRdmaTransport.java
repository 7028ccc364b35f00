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
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** {@code rdma-fake:name:port}: channels as over {@code rdma:}, on a {@link FakeFabric}. */
public final class FakeRdmaTransport implements Transport {
  static final FakeFabric FABRIC = new FakeFabric(Long.getLong("godwit.seed", 1));

  private static final FakeLobby<Dial> LOBBY = new FakeLobby<>();

  /** A dial that waits to be accepted. */
  private static final class Dial {
    final byte[] request;
    final FakeQueuePair queuePair;
    final Rings rings;
    byte @Nullable [] reply;

    Dial(byte[] request, FakeQueuePair queuePair, Rings rings) {
      this.request = request;
      this.queuePair = queuePair;
      this.rings = rings;
    }
  }

  @Override
  public String scheme() {
    return "rdma-fake";
  }

  @Override
  public String description() {
    return "RDMA without a device";
  }

  @Override
  public Availability availability() {
    return Availability.available();
  }

  @Override
  public Capabilities capabilities() {
    return RdmaTransport.CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return RdmaOptions.SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) {
    RdmaOptions options = RdmaOptions.of(target);
    RdmaPeer peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    return LOBBY.dialer(target, peer, new Dialling(target, options, peer));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    RdmaOptions options = RdmaOptions.of(address);
    Sessions sessions = new Sessions(options);
    return LOBBY.listen(address, dial -> accepted(address, options, sessions, dial));
  }

  private static FakeQueuePair queuePair(Rings rings, Domain domain) {
    FakeQueuePair made = FABRIC.queuePair(rings, domain);
    for (int slot = 0; slot < rings.receiveSlots(); slot++) {
      made.postReceive(slot);
    }
    return made;
  }

  private static Channel channel(
      Endpoint here,
      FakeQueuePair queuePair,
      Rings rings,
      RdmaPeer peer,
      RdmaOptions options,
      Greeting theirs) {
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            here,
            here,
            new PeerIdentity.Unknown(),
            RdmaTransport.CAPABILITIES,
            peer);
    return RdmaChannel.open(info, queuePair, rings, peer, options, theirs);
  }

  /** The dials of one migration. */
  private static final class Dialling implements FakeLobby.Dialling<Dial> {
    private final Endpoint target;
    private final RdmaOptions options;
    private final RdmaPeer peer;
    private int dialled;

    Dialling(Endpoint target, RdmaOptions options, RdmaPeer peer) {
      this.target = target;
      this.options = options;
      this.peer = peer;
    }

    @Override
    public Dial begin() throws ChannelException {
      Domain domain = peer.enter(FABRIC, FABRIC::domain);
      Rings rings = new Rings(options.slots(), options.slotBytes());
      return new Dial(peer.greeting(dialled++).encode(), queuePair(rings, domain), rings);
    }

    @Override
    public boolean isAccepted(Dial dial) {
      return dial.reply != null;
    }

    @Override
    public Channel opened(Dial dial) throws ChannelException {
      Greeting theirs = Greeting.decode(Objects.requireNonNull(dial.reply));
      peer.greeted(theirs);
      return channel(target, dial.queuePair, dial.rings, peer, options, theirs);
    }

    @Override
    public void dropped(Dial dial) throws ChannelException {
      dial.queuePair.close();
      dial.rings.close();
      peer.exit();
    }
  }

  private static Channel accepted(Endpoint local, RdmaOptions options, Sessions sessions, Dial dial)
      throws ChannelException {
    Greeting theirs = Greeting.decode(dial.request);
    RdmaPeer peer = sessions.peer(theirs.session());
    Domain domain = peer.enter(FABRIC, FABRIC::domain);
    peer.greeted(theirs);
    Rings rings = new Rings(options.slots(), options.slotBytes());
    FakeQueuePair made = queuePair(rings, domain);
    made.connect(dial.queuePair);
    dial.reply = peer.greeting(theirs.channel()).encode();
    return channel(local, made, rings, peer, options, theirs);
  }
}
