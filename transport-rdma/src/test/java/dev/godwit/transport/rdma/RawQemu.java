package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import java.util.UUID;

/** A channel in QEMU's dialect over the fake fabric, and at its other end a QEMU by hand. */
final class RawQemu implements AutoCloseable {
  private static final int SLOTS = 8;

  final FakeFabric fabric;
  final RdmaPeer peer;
  final Channel channel;
  final RawQemuWire wire;
  final FakeQueuePair queuePair;

  /** Where the QEMU registers what it has. */
  final Domain domain;

  private final Rings rings;

  private RawQemu(long seed, boolean sends, boolean pinAll, boolean mayBegin, int slotBytes)
      throws ChannelException {
    fabric = new FakeFabric(seed);
    RdmaOptions options = RdmaOptions.of(Endpoint.parse("rdma:fake:1?slots=4&liveness=2s"));
    Rings near;
    if (sends) {
      peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
      peer.answeredByQemu();
      near = new Rings(options.slots(), options.slotBytes());
    } else {
      peer = RdmaPeer.ofQemu(options);
      near = Rings.ofQemu();
    }
    FakeQueuePair inner = QemuPair.queuePair(fabric, near, peer.enter(fabric, fabric::domain));
    domain = fabric.domain();
    rings = new Rings(SLOTS, slotBytes);
    queuePair = QemuPair.queuePair(fabric, rings, domain);
    inner.connect(queuePair);
    wire = new RawQemuWire(queuePair, rings);
    channel =
        RdmaChannel.open(
            QemuPair.info(peer),
            inner,
            near,
            peer,
            options,
            (made, progress, name) ->
                sends
                    ? new QemuSource(inner, near, progress, peer, pinAll, options.writes(), name)
                    : new QemuTarget(inner, near, progress, peer, pinAll, mayBegin, name));
  }

  /** One that migrates a guest to the channel. */
  static RawQemu source(long seed, boolean pinAll) throws ChannelException {
    return new RawQemu(seed, false, pinAll, false, 4096);
  }

  /** One whose guest comes from here, on the connection of its return path. */
  static RawQemu answering(long seed) throws ChannelException {
    return new RawQemu(seed, false, false, true, 4096);
  }

  /** One with messages of any length. */
  static RawQemu sourceOfLongMessages(long seed) throws ChannelException {
    return new RawQemu(seed, false, false, false, 1 << 20);
  }

  /** One that takes the channel's guest. */
  static RawQemu destination(long seed, boolean pinAll) throws ChannelException {
    return new RawQemu(seed, true, pinAll, false, 40 << 10);
  }

  @Override
  public void close() throws ChannelException {
    channel.abort(new IllegalStateException("The test is over"));
    channel.close();
    queuePair.close();
    rings.close();
  }
}
