package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A channel into a QEMU, which hears and says what the test wants. It has one RAM block. */
final class ScriptedDestination implements AutoCloseable {
  static final long BIAS = 0x1_0000_0000L;
  static final String BLOCK = "pc.ram";

  final FakeFabric fabric = new FakeFabric(1);
  final RdmaPeer peer;
  final Channel channel;

  /** The channel's own end of the connection. */
  final FakeQueuePair inner;

  final FakeQueuePair wire;

  /** The block, at the source and here. */
  final Region source;

  final MemorySegment memory;

  private final Arena arena = Arena.ofShared();
  private final Rings rings = Rings.ofQemu();
  private final Domain domain = fabric.domain();
  private final boolean pinAll;
  private final Completions completions = new Completions();
  private final Deque<Integer> arrived = new ArrayDeque<>();
  private int nextSend;

  /** Makes what the channel says. */
  private interface DialectSource {
    Dialect of(Progress progress, FakeQueuePair queuePair, Rings rings, RdmaPeer peer, String name);
  }

  ScriptedDestination(long blockBytes, boolean pinAll, String settings) throws ChannelException {
    this(
        blockBytes,
        pinAll,
        settings,
        (progress, queuePair, rings, peer, name) ->
            new QemuSource(queuePair, rings, progress, peer, pinAll, 64, name));
  }

  /** The channel reads the return path. */
  static ScriptedDestination returning(String settings) throws ChannelException {
    return new ScriptedDestination(
        4096,
        false,
        settings,
        (progress, queuePair, rings, peer, name) ->
            new QemuTarget(queuePair, rings, progress, peer, false, true, name));
  }

  private ScriptedDestination(
      long blockBytes, boolean pinAll, String settings, DialectSource dialects)
      throws ChannelException {
    this.pinAll = pinAll;
    Endpoint here = Endpoint.parse("rdma:here:1?" + settings);
    RdmaOptions options = RdmaOptions.of(here);
    peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    peer.answeredByQemu();
    source = peer.register(BLOCK, arena.allocate(blockBytes, 1 << 20), Access.LOCAL);
    memory = arena.allocate(blockBytes, 1 << 20);
    Rings near = new Rings(options.slots(), options.slotBytes());
    inner = fabric.queuePair(near, peer.enter(fabric, fabric::domain));
    wire = fabric.queuePair(rings, domain);
    inner.connect(wire);
    for (int slot = 0; slot < near.receiveSlots(); slot++) {
      inner.postReceive(slot);
    }
    for (int slot = 0; slot < rings.receiveSlots(); slot++) {
      wire.postReceive(slot);
    }
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            here,
            here,
            new PeerIdentity.Unknown(),
            RdmaTransport.QEMU,
            peer);
    channel =
        RdmaChannel.open(
            info,
            inner,
            near,
            peer,
            options,
            (made, progress, name) -> dialects.of(progress, inner, near, peer, name));
  }

  /** Plays the first round, in which the block gets known, and wants the next message. */
  RemoteRegion begin() throws ChannelException {
    Task<Boolean> round =
        Task.start(
            "barrier",
            () -> {
              channel.barrier();
              return true;
            });
    say(new Command.Ready());
    hear(Command.BlocksRequest.class);
    int key = pinAll ? register(0, memory.byteSize()) : 0;
    say(new Command.Blocks(List.of(block(key))));
    say(new Command.Ready());
    hear(Command.Finished.class);
    say(new Command.Ready());
    round.result();
    return peer.remote(BLOCK, Deadline.after(Await.LIMIT));
  }

  private Command.Block block(int key) {
    return new Command.Block(memory.address(), BIAS, memory.byteSize(), key);
  }

  /** Makes a part of the block writable; its key. */
  int register(long offset, long length) throws ChannelException {
    return domain.register(memory.asSlice(offset, length), Domain.Rights.REMOTE_WRITE).remoteKey();
  }

  /** Answers a request as a QEMU does. */
  void answer(Command.Register request) throws ChannelException {
    long start = (request.at() - BIAS) & -Command.CHUNK_BYTES;
    long end = start + (request.more() + 1) * Command.CHUNK_BYTES;
    int key = register(start, Math.min(end, memory.byteSize()) - start);
    say(new Command.Registered(key, memory.address()));
  }

  void say(Command command) throws ChannelException {
    int slot = nextSend++ % rings.sendSlots();
    int length = command.encode(rings.send(slot));
    send(slot, length);
  }

  /** Says bytes of a stream. */
  void say(byte[] bytes) throws ChannelException {
    int slot = nextSend++ % rings.sendSlots();
    ByteBuffer frame = rings.send(slot);
    frame.put(Message.HEADER_BYTES, bytes);
    Message.encode(frame, MessageType.FILE, bytes.length);
    send(slot, Message.HEADER_BYTES + bytes.length);
  }

  private void send(int slot, int length) throws ChannelException {
    wire.postSend(Work.of(Work.STREAM, slot), rings.sendOffset(slot), length);
    poll();
  }

  private void poll() throws ChannelException {
    wire.sleep(0); // what may get there on either side does, whatever chance says
    int found = wire.poll(completions);
    for (int i = 0; i < found; i++) {
      if (Work.kind(completions.work[i]) == Work.RECEIVE
          && completions.status[i] == Completions.SUCCESS) {
        arrived.add(Work.slot(completions.work[i]));
      }
    }
  }

  /** The next message, which is that command. */
  <T extends Command> T hear(Class<T> kind) throws ChannelException {
    int slot = next();
    ByteBuffer frame = rings.receive(slot);
    Command command = Command.decode(Message.type(frame), frame);
    wire.postReceive(slot);
    assertThat(command).isInstanceOf(kind);
    return kind.cast(command);
  }

  /** The next message, which is of the stream. */
  byte[] hearStream() throws ChannelException {
    int slot = next();
    ByteBuffer frame = rings.receive(slot);
    assertThat(Message.type(frame)).isEqualTo(MessageType.FILE);
    byte[] bytes = new byte[Message.payloadBytes(frame)];
    frame.get(Message.HEADER_BYTES, bytes);
    wire.postReceive(slot);
    return bytes;
  }

  private int next() {
    Await.until("a message comes", () -> nextArrived() != null);
    return Objects.requireNonNull(arrived.poll());
  }

  private @Nullable Integer nextArrived() throws ChannelException {
    poll();
    return arrived.peek();
  }

  /** Neither side's device hears of the other any more. */
  void cut() {
    inner.deaf = true;
    wire.deaf = true;
  }

  /** Whether a message has come that nobody has heard. */
  boolean hasHeardMore() throws ChannelException {
    return nextArrived() != null;
  }

  @Override
  public void close() throws ChannelException {
    channel.abort(new IllegalStateException("The test is over"));
    channel.close();
    wire.close();
    rings.close();
    source.close();
    arena.close();
  }
}
