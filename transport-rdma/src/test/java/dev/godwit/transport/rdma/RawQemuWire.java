package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.testkit.Await;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/** A queue pair by hand that speaks QEMU's messages, or what the test makes of them. */
final class RawQemuWire {
  private static final long STEP_NANOS = 1_000_000;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Completions completions = new Completions();
  private final Deque<byte[]> arrived = new ArrayDeque<>();
  private final Deque<Integer> writes = new ArrayDeque<>();
  private final Slots sends;
  private boolean gone;

  /** Something that the other end may come to do. */
  interface Condition {
    boolean holds() throws ChannelException;
  }

  /** Both stay the caller's; the receives are posted. */
  RawQemuWire(QueuePair queuePair, Rings rings) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.sends = new Slots(rings.sendSlots());
  }

  static byte[] bytes(Command command) {
    ByteBuffer frame = ByteBuffer.allocate(Message.MAX_BYTES);
    byte[] bytes = new byte[command.encode(frame)];
    frame.get(0, bytes);
    return bytes;
  }

  static byte[] file(byte[] stream) {
    ByteBuffer frame = ByteBuffer.allocate(Message.HEADER_BYTES + stream.length);
    Message.encode(frame, MessageType.FILE, stream.length);
    return frame.put(Message.HEADER_BYTES, stream).array();
  }

  static MessageType type(byte[] message) throws ChannelException {
    return Message.check(ByteBuffer.wrap(message), message.length);
  }

  static Command command(byte[] message) throws ChannelException {
    return Command.decode(type(message), ByteBuffer.wrap(message));
  }

  void send(Command command) throws ChannelException {
    send(bytes(command));
  }

  /** Sends bytes as a message, whatever they are, and without asking for leave. */
  void send(byte[] message) throws ChannelException {
    await(sends::hasFree, Deadline.after(Await.LIMIT));
    if (gone) {
      return;
    }
    int slot = sends.take();
    rings.send(slot).put(0, message);
    queuePair.postSend(Work.of(Work.STREAM, slot), rings.sendOffset(slot), message.length);
    poll();
  }

  /** Writes into the peer's memory, with or without the right to, and returns the status. */
  int write(Registration from, int length, long address, int key) throws ChannelException {
    writes.clear();
    queuePair.postWrite(
        Work.of(Work.WRITE, 0), from.address(), from.localKey(), length, address, key);
    await(() -> !writes.isEmpty(), Deadline.after(Await.LIMIT));
    return writes.isEmpty() ? Completions.FLUSHED : writes.remove();
  }

  /** The next message; fails if none comes, or the peer has gone. */
  byte[] receive() throws ChannelException {
    boolean came = await(() -> !arrived.isEmpty(), Deadline.after(Await.LIMIT));
    if (!came || arrived.isEmpty()) {
      throw new AssertionError(gone ? "The peer has gone" : "The peer says nothing");
    }
    return arrived.remove();
  }

  /** The next message, which must be this. */
  <T extends Command> T receive(Class<T> kind) throws ChannelException {
    return kind.cast(command(receive()));
  }

  /** Whether a message is there by the deadline. */
  boolean hears(Deadline deadline) throws ChannelException {
    await(() -> !arrived.isEmpty(), deadline);
    return !arrived.isEmpty();
  }

  boolean isGone() {
    return gone;
  }

  /**
   * Waits until the condition holds, the peer has gone, or the deadline; true unless the latter.
   */
  boolean await(Condition condition, Deadline deadline) throws ChannelException {
    while (true) {
      poll();
      if (condition.holds() || gone) {
        return true;
      }
      if (deadline.hasPassed()) {
        return false;
      }
      queuePair.arm();
      poll();
      if (!condition.holds() && !gone) {
        queuePair.sleep(Math.max(1, Math.min(STEP_NANOS, deadline.remainingNanos())));
      }
    }
  }

  private void poll() throws ChannelException {
    int found = queuePair.poll(completions);
    for (int i = 0; i < found; i++) {
      long work = completions.work[i];
      boolean success = completions.status[i] == Completions.SUCCESS;
      switch (Work.kind(work)) {
        case Work.WRITE -> writes.add(completions.status[i]);
        case Work.STREAM -> sends.give(Work.slot(work));
        case Work.RECEIVE -> {
          if (success) {
            byte[] message = new byte[completions.bytes[i]];
            rings.receive(Work.slot(work)).get(0, message);
            arrived.add(message);
            queuePair.postReceive(Work.slot(work));
          }
        }
        default -> {}
      }
      gone |= !success;
    }
    gone |= queuePair.nextEvent() == QueuePair.Event.DISCONNECTED;
  }
}
