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
import dev.godwit.transport.testkit.Await;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
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
  private final Completions completions = new Completions();
  private final Deque<Integer> arrived = new ArrayDeque<>();
  private int nextSend;
  private int returned;

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

  /** Sends bytes as a frame, whatever they are. */
  void send(byte[] frame) throws ChannelException {
    int slot = nextSend++ % rings.sendSlots();
    rings.send(slot).put(0, frame);
    wire.postSend(Work.of(Work.STREAM, slot), rings.sendOffset(slot), frame.length);
    poll();
  }

  void send(Control control) throws ChannelException {
    ByteBuffer frame = ByteBuffer.allocate(1024);
    int length = control.encode(frame);
    Frame.encode(frame, control.type(), 0, 0, length, 0);
    send(bytes(frame, length));
  }

  /** Sends a header and a payload. */
  void send(FrameType type, int streamCredits, int controlCredits, long landed, byte[] payload)
      throws ChannelException {
    ByteBuffer frame = ByteBuffer.allocate(Frame.HEADER_BYTES + payload.length);
    frame.put(Frame.HEADER_BYTES, payload);
    Frame.encode(frame, type, streamCredits, controlCredits, payload.length, landed);
    send(frame.array());
  }

  private static byte[] bytes(ByteBuffer frame, int payload) {
    byte[] bytes = new byte[Frame.HEADER_BYTES + payload];
    frame.get(0, bytes);
    return bytes;
  }

  private void poll() {
    int found = wire.poll(completions);
    for (int i = 0; i < found; i++) {
      if (Work.kind(completions.work[i]) == Work.RECEIVE
          && completions.status[i] == Completions.SUCCESS) {
        arrived.add(Work.slot(completions.work[i]));
      }
    }
  }

  /** How many credits for control frames have come back since they were last taken. */
  int controlCredits() throws ChannelException {
    poll();
    while (!arrived.isEmpty()) {
      int slot = arrived.remove();
      returned += Frame.controlCredits(rings.receive(slot));
      wire.postReceive(slot);
    }
    return returned;
  }

  int takeControlCredits() {
    int taken = returned;
    returned = 0;
    return taken;
  }

  /** Lets something happen to the channel's device. */
  void inject(QueuePair.Event event) {
    inner.happen(event);
  }

  /** The next control frame of that kind, skipping others; all receives are posted again. */
  <T extends Control> T receive(Class<T> kind) {
    Object[] found = new Object[1];
    Await.until(
        "a frame " + kind.getSimpleName() + " comes",
        () -> {
          poll();
          while (found[0] == null && !arrived.isEmpty()) {
            int slot = arrived.remove();
            ByteBuffer frame = rings.receive(slot);
            FrameType type = Frame.check(frame, Frame.HEADER_BYTES + Frame.payloadBytes(frame));
            if (type != FrameType.STREAM && type != FrameType.CREDIT) {
              Control control = Control.decode(type, frame);
              if (kind.isInstance(control)) {
                found[0] = control;
              }
            }
            wire.postReceive(slot);
          }
          return found[0] != null;
        });
    return kind.cast(found[0]);
  }

  @Override
  public void close() throws ChannelException {
    channel.abort(new IllegalStateException("The test is over"));
    channel.close();
    wire.close();
    rings.close();
  }
}
