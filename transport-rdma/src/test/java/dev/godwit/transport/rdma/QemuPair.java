package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.testkit.Seed;
import java.util.UUID;

/** A source and a destination that speak QEMU's dialect, over queue pairs made of memory. */
final class QemuPair implements AutoCloseable {
  final FakeFabric fabric;
  final RdmaPeer sourcePeer;
  final RdmaPeer targetPeer;
  final Channel source;
  final Channel target;

  private final FakeQueuePair from;
  private final FakeQueuePair to;

  QemuPair(Seed seed, boolean pinAll) throws ChannelException {
    this(seed, pinAll, "liveness=2s");
  }

  QemuPair(Seed seed, boolean pinAll, String settings) throws ChannelException {
    fabric = new FakeFabric(seed.random().nextLong());
    RdmaOptions options = RdmaOptions.of(Endpoint.parse("rdma:fake:1?" + settings));
    sourcePeer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    sourcePeer.answeredByQemu();
    targetPeer = RdmaPeer.ofQemu(options);
    Rings here = new Rings(options.slots(), options.slotBytes());
    Rings there = Rings.ofQemu();
    from = queuePair(fabric, here, sourcePeer.enter(fabric, fabric::domain));
    to = queuePair(fabric, there, targetPeer.enter(fabric, fabric::domain));
    from.connect(to);
    source =
        RdmaChannel.open(
            info(sourcePeer),
            from,
            here,
            sourcePeer,
            options,
            (channel, progress, name) ->
                new QemuSource(from, here, progress, sourcePeer, pinAll, options.writes(), name));
    target =
        RdmaChannel.open(
            info(targetPeer),
            to,
            there,
            targetPeer,
            options,
            (channel, progress, name) ->
                new QemuTarget(to, there, progress, targetPeer, pinAll, false, name));
  }

  /** Neither side's device hears of the other any more. */
  void cut() {
    from.deaf = true;
    to.deaf = true;
  }

  static FakeQueuePair queuePair(FakeFabric fabric, Rings rings, Domain domain) {
    FakeQueuePair made = fabric.queuePair(rings, domain);
    for (int slot = 0; slot < rings.receiveSlots(); slot++) {
      made.postReceive(slot);
    }
    return made;
  }

  static ChannelInfo info(RdmaPeer peer) {
    Endpoint fake = Endpoint.parse("rdma:fake:1");
    return new ChannelInfo(
        ChannelLifecycle.nextSerial(),
        fake,
        fake,
        new PeerIdentity.Unknown(),
        RdmaTransport.QEMU,
        peer);
  }

  @Override
  public void close() throws ChannelException {
    source.abort(new IllegalStateException("The test is over"));
    target.abort(new IllegalStateException("The test is over"));
    try (source;
        target) {
      // Closes both.
    }
  }
}
