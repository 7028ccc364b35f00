package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import java.util.UUID;

/** A channel, and at its other end a queue pair that sends whatever the test wants. */
final class RawPeer implements AutoCloseable {
  static final int SLOTS = 4;

  final FakeFabric fabric = new FakeFabric(1);
  final RdmaPeer peer;
  final RdmaChannel channel;
  final FakeQueuePair wire;
  private final FakeQueuePair inner;
  private final Rings rings;
  private final RawWire raw;

  RawPeer(String settings) throws ChannelException {
    Endpoint here =
        Endpoint.parse(
            "rdma:here:1?slots=" + SLOTS + "&slot=4k" + (settings.isEmpty() ? "" : "&" + settings));
    RdmaOptions options = RdmaOptions.of(here);
    peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    Domain domain = peer.enter(fabric, fabric::domain);
    Greeting theirs = new Greeting(0, peer.session(), SLOTS, 4096, 0, 8 << 20);
    peer.greeted(theirs);
    Rings near = new Rings(options.slots(), options.slotBytes());
    inner = fabric.queuePair(near, domain);
    rings = new Rings(64, 8192);
    wire = fabric.queuePair(rings, fabric.domain());
    raw = new RawWire(wire, rings);
    inner.connect(wire);
    for (int slot = 0; slot < near.receiveSlots(); slot++) {
      inner.postReceive(slot);
    }
    for (int slot = 0; slot < Frame.receives(SLOTS); slot++) {
      wire.postReceive(slot);
    }
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            here,
            here,
            new PeerIdentity.Unknown(),
            RdmaTransport.CAPABILITIES,
            peer);
    channel = RdmaChannel.open(info, inner, near, peer, options, theirs);
  }

  /** The link is cut: neither side hears of the other any more. */
  void cut() {
    inner.deaf = true;
    wire.deaf = true;
  }

  void send(byte[] frame) throws ChannelException {
    raw.send(frame);
  }

  void send(Control control) throws ChannelException {
    raw.send(control);
  }

  void send(FrameType type, int streamCredits, int controlCredits, long landed, byte[] payload)
      throws ChannelException {
    raw.send(type, streamCredits, controlCredits, landed, payload);
  }

  int controlCredits() throws ChannelException {
    return raw.controlCredits();
  }

  int takeControlCredits() {
    return raw.takeControlCredits();
  }

  <T extends Control> T receive(Class<T> kind) {
    return raw.receive(kind);
  }

  /** Lets something happen to the channel's device. */
  void inject(QueuePair.Event event) {
    inner.happen(event);
  }

  @Override
  public void close() throws ChannelException {
    channel.abort(new IllegalStateException("The test is over"));
    channel.close();
    wire.close();
    rings.close();
  }
}
