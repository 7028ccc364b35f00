package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.testkit.Await;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/** A queue pair by hand, on rings of its own, that sends whatever the test wants. */
final class RawWire {
  private final QueuePair queuePair;
  private final Rings rings;
  private final Completions completions = new Completions();
  private final Deque<Integer> arrived = new ArrayDeque<>();
  private final Deque<Integer> statuses = new ArrayDeque<>();
  private int nextSend;
  private int returned;

  /** Both stay the caller's; the receives are posted. */
  RawWire(QueuePair queuePair, Rings rings) {
    this.queuePair = queuePair;
    this.rings = rings;
  }

  /** Sends bytes as a frame, whatever they are. */
  void send(byte[] frame) throws ChannelException {
    int slot = nextSend++ % rings.sendSlots();
    rings.send(slot).put(0, frame);
    queuePair.postSend(Work.of(Work.STREAM, slot), rings.sendOffset(slot), frame.length);
    poll();
  }

  void send(Control control) throws ChannelException {
    ByteBuffer frame = ByteBuffer.allocate(1024);
    int length = control.encode(frame);
    Frame.encode(frame, control.type(), 0, 0, length, 0);
    byte[] bytes = new byte[Frame.HEADER_BYTES + length];
    frame.get(0, bytes);
    send(bytes);
  }

  /** Sends a header and a payload. */
  void send(FrameType type, int streamCredits, int controlCredits, long landed, byte[] payload)
      throws ChannelException {
    ByteBuffer frame = ByteBuffer.allocate(Frame.HEADER_BYTES + payload.length);
    frame.put(Frame.HEADER_BYTES, payload);
    Frame.encode(frame, type, streamCredits, controlCredits, payload.length, landed);
    send(frame.array());
  }

  /** Writes into the peer's memory, with or without the right to, and returns the status. */
  int write(Registration from, int length, long address, int key) throws ChannelException {
    queuePair.postWrite(
        Work.of(Work.WRITE, 0), from.address(), from.localKey(), length, address, key);
    statuses.clear();
    Await.until(
        "the write completes",
        () -> {
          poll();
          return !statuses.isEmpty();
        });
    return statuses.remove();
  }

  private void poll() throws ChannelException {
    int found = queuePair.poll(completions);
    for (int i = 0; i < found; i++) {
      int kind = Work.kind(completions.work[i]);
      if (kind == Work.WRITE) {
        statuses.add(completions.status[i]);
      } else if (kind == Work.RECEIVE && completions.status[i] == Completions.SUCCESS) {
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
      queuePair.postReceive(slot);
    }
    return returned;
  }

  int takeControlCredits() {
    int taken = returned;
    returned = 0;
    return taken;
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
            queuePair.postReceive(slot);
          }
          return found[0] != null;
        });
    return kind.cast(found[0]);
  }
}
