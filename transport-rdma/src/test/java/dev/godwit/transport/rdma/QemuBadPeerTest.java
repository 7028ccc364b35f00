package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is wrong with a QEMU, one thing at a time, and what our side says of it. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class QemuBadPeerTest {
  private static final int PAGE = 4096;
  private static final int VGA_BYTES = 2 * PAGE;
  private static final int RAM_BYTES = (3 << 20) + 3 * PAGE;
  private static final String FROM = "The source of rdma:fake:1 ";
  private static final String TO = "The destination of rdma:fake:1 ";

  private static final long SEED = Seed.of("QemuBadPeerTest").value();

  /** What a QEMU says, and when. */
  private interface Saying {
    void say(RawQemu raw) throws ChannelException;
  }

  private static void give(RawQemu raw, byte[] message) throws ChannelException {
    raw.wire.receive(Command.Ready.class);
    raw.wire.send(message);
  }

  private static void give(RawQemu raw, Command command) throws ChannelException {
    give(raw, RawQemuWire.bytes(command));
  }

  // Our destination, which has two blocks and is in a round.

  private Throwable roundEnd(Saying saying) throws Exception {
    return roundEnd(RawQemu.source(SEED, false), saying);
  }

  private static Throwable roundEnd(RawQemu opened, Saying saying) throws Exception {
    try (GuardedMemory memory = new GuardedMemory(VGA_BYTES, RAM_BYTES);
        RawQemu raw = opened) {
      Peer peer = raw.channel.info().peer();
      try (Region vga = peer.register("vga", memory.block(0), Access.REMOTE_WRITE);
          Region ram = peer.register("ram", memory.block(1), Access.REMOTE_WRITE)) {
        Task<Boolean> round = Threads.start("round", raw.channel::barrier);
        saying.say(raw);
        Throwable end = round.failure();
        memory.assertGuarded(vga.name() + ram.name());
        assertThat(MemorySegment.ofArray(new byte[RAM_BYTES]).mismatch(memory.block(1)))
            .as("nothing is filled")
            .isEqualTo(-1);
        return end;
      }
    }
  }

  private void assertViolated(String sentence, Saying saying) throws Exception {
    assertThat(roundEnd(saying)).isInstanceOf(ChannelException.Violated.class).hasMessage(sentence);
  }

  private void assertRoundViolated(String sentence, Command command) throws Exception {
    assertViolated(
        sentence,
        raw -> {
          give(raw, new Command.BlocksRequest());
          raw.wire.receive(Command.Blocks.class);
          give(raw, command);
        });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 0 | 8193 | 0..8193 with 0, and the block has 8192 bytes",
        "0 | 4096 | 4097 | 4096..8193 with 0, and the block has 8192 bytes",
        "0 | 8193 | 0 | 8193..8193 with 0, and the block has 8192 bytes",
        "0 | -1 | 1 | -1..0 with 0, and the block has 8192 bytes",
        "0 | -9223372036854775808 | 9223372036854775807 | -9223372036854775808.."
            + "18446744073709551615 with 0, and the block has 8192 bytes",
        "0 | 1 | 9223372036854775807 | 1..9223372036854775808 with 0, and the block has 8192 bytes",
        "256 | 0 | 1 | 0..1 with 256, and the block has 8192 bytes",
        "-1 | 0 | 1 | 0..1 with 4294967295, and the block has 8192 bytes"
      })
  void aFillBeyondABlockOrOfNoByteIsRefused(int value, long at, long length, String sentence)
      throws Exception {
    assertRoundViolated(FROM + "fills vga+" + sentence, new Command.Compress(value, 0, at, length));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 16_382})
  void aBlockThatIsNotThereIsRefused(int block) throws Exception {
    String sentence = FROM + "names block " + block + " of 2";
    assertRoundViolated(sentence, new Command.Compress(0, block, 0, 1));
    assertRoundViolated(sentence, new Command.Register(block, 0, 0));
    assertRoundViolated(sentence, new Command.Unregister(block, 0));
  }

  @Test
  void aBlockBeforeTheBlocksAreKnownIsRefused() throws Exception {
    assertViolated(FROM + "names block 0 of 0", raw -> give(raw, new Command.Register(0, 0, 0)));
  }

  @ParameterizedTest
  @CsvSource({
    "3158016, 0",
    "-1, 0",
    "-9223372036854775808, 0",
    "9223372036854775807, 0",
    "0, 4",
    "0, 4294967295",
    "0, 9223372036854775807"
  })
  void chunksBeyondABlockAreRefused(long at, long more) throws Exception {
    assertRoundViolated(
        FROM
            + "asks for "
            + more
            + " chunks behind ram+"
            + at
            + ", and the block has 3158016 bytes",
        new Command.Register(1, at, more));
  }

  @Test
  void chunksThatOverlapOthersAreRefused() throws Exception {
    assertViolated(
        "The peer asks for a key of ram+0..2097152, and has one of a part of that",
        raw -> {
          give(raw, new Command.BlocksRequest());
          raw.wire.receive(Command.Blocks.class);
          give(raw, new Command.Register(1, 1 << 20, 0));
          raw.wire.receive(Command.Registered.class);
          give(raw, new Command.Register(1, 0, 1));
        });
  }

  /** So that however often it asks, no more is registered than there is. */
  @Test
  void aKeyThatIsAskedForAgainIsTheSame() throws Exception {
    assertThat(
            roundEnd(
                raw -> {
                  give(raw, new Command.BlocksRequest());
                  Command.Blocks blocks = raw.wire.receive(Command.Blocks.class);
                  long base = blocks.blocks().get(1).address();
                  give(raw, new Command.Register(1, 0, 1));
                  Command.Registered first = raw.wire.receive(Command.Registered.class);
                  assertThat(first.address()).isEqualTo(base);
                  for (long at : new long[] {0, PAGE, 1 << 20, (2 << 20) - 1}) {
                    give(raw, new Command.Register(1, at, 0));
                    assertThat(raw.wire.receive(Command.Registered.class)).isEqualTo(first);
                  }
                  give(raw, new Command.BlocksRequest());
                  assertThat(raw.wire.receive(Command.Blocks.class)).isEqualTo(blocks);
                  assertThat(raw.peer.statistics().bytes()).isEqualTo(2 << 20);
                  raw.wire.receive(Command.Ready.class);
                  raw.queuePair.disconnect();
                }))
        .isInstanceOf(ChannelException.EndedEarly.class)
        .hasMessage(FROM + "ended within a round");
  }

  @Test
  void whatIsNotRegisteredIsUnregisteredWithoutHarm() throws Exception {
    assertThat(
            roundEnd(
                raw -> {
                  give(raw, new Command.BlocksRequest());
                  raw.wire.receive(Command.Blocks.class);
                  give(raw, new Command.Register(1, 1 << 20, 0));
                  raw.wire.receive(Command.Registered.class);
                  for (long chunk : new long[] {0, 3, 4, -1, Long.MAX_VALUE, Long.MIN_VALUE}) {
                    give(raw, new Command.Unregister(1, chunk));
                    raw.wire.receive(Command.Unregistered.class);
                  }
                  assertThat(raw.peer.statistics().bytes()).isEqualTo(1 << 20);
                  give(raw, new Command.Unregister(1, 1));
                  raw.wire.receive(Command.Unregistered.class);
                  assertThat(raw.peer.statistics().bytes()).isZero();
                  raw.wire.receive(Command.Ready.class);
                  raw.wire.send(new Command.GaveUp());
                }))
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessage(FROM + "gave up");
  }

  @Test
  void whatNoSourceSaysIsRefused() throws Exception {
    assertViolated(
        FROM + "sent READY, which no source says", raw -> give(raw, new Command.Ready()));
    assertViolated(
        FROM + "sent BLOCKS, which no source says",
        raw -> give(raw, new Command.Blocks(List.of())));
    assertViolated(
        FROM + "sent REGISTERED, which no source says",
        raw -> give(raw, new Command.Registered(1, 2)));
    assertViolated(
        FROM + "sent UNREGISTERED, which no source says",
        raw -> give(raw, new Command.Unregistered()));
    assertViolated(
        FROM + "sent more of its stream before the end of a round",
        raw -> give(raw, RawQemuWire.file(new byte[1])));
  }

  @Test
  void whatWasNotAskedForIsRefused() throws Exception {
    try (RawQemu raw = RawQemu.source(SEED, false)) {
      give(raw, RawQemuWire.file(new byte[1]));
      raw.wire.send(new Command.BlocksRequest());
      raw.wire.receive(Command.GaveUp.class);
      assertThatThrownBy(() -> Io.drain(raw.channel))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage(FROM + "sent BLOCKS_REQUEST, and was not asked to");
    }
  }

  @Test
  void roundsThatBeginTooEarlyOrTooLateAreRefused() throws Exception {
    try (RawQemu raw = RawQemu.source(SEED, false)) {
      give(raw, new Command.Finished());
      assertThatThrownBy(() -> raw.channel.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage(FROM + "sent FINISHED in the middle of its stream");
    }
    try (RawQemu raw = RawQemu.source(SEED, false)) {
      give(raw, RawQemuWire.file(new byte[2]));
      assertThat(raw.channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
      assertThatThrownBy(raw.channel::barrier)
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage(FROM + "sent more of its stream before the end of a round");
    }
  }

  @Test
  void whatIsNoMessageIsRefused() throws Exception {
    assertViolated("The peer sent a message of 0 bytes", raw -> give(raw, new byte[0]));
    assertViolated("The peer sent a message of 15 bytes", raw -> give(raw, new byte[15]));
    assertViolated("The peer sent a message of the unknown type 0", raw -> give(raw, new byte[16]));
    assertViolated(
        "The peer sent a message FILE with nothing in it",
        raw -> give(raw, RawQemuWire.file(new byte[0])));
    byte[] lie = RawQemuWire.bytes(new Command.Finished());
    ByteBuffer.wrap(lie).putInt(0, -1);
    assertViolated(
        "The peer sent 0 bytes in a message FINISHED that claims 4294967295",
        raw -> give(raw, lie));
    byte[] many = RawQemuWire.bytes(new Command.Register(0, 0, 0));
    ByteBuffer.wrap(many).putInt(8, -1);
    assertViolated(
        "The peer sent a message REGISTER that has 4294967295 records instead of one",
        raw -> give(raw, many));
    assertViolated(
        "The peer sent a message COMPRESS that has a length of 18446744073709551615 bytes",
        raw -> give(raw, new Command.Compress(0, 0, 0, -1)));
    assertViolated(
        "The peer sent a message REGISTER that names block 4294967295",
        raw -> give(raw, new Command.Register(-1, 0, 0)));
    assertViolated(
        "The peer sent a message REGISTER that asks for 9223372036854775808 more chunks",
        raw -> give(raw, new Command.Register(0, 0, Long.MIN_VALUE)));
  }

  @Test
  void aMessageLongerThanASlotIsRefused() throws Exception {
    assertThat(
            roundEnd(
                RawQemu.sourceOfLongMessages(SEED),
                raw -> give(raw, RawQemuWire.file(new byte[Message.MAX_BYTES]))))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageStartingWith("The peer of rdma:fake:1 sent a frame longer than a slot");
  }

  @Test
  void theLongestMessageIsRead() throws Exception {
    try (RawQemu raw = RawQemu.sourceOfLongMessages(SEED)) {
      byte[] stream = Io.bytes(Seed.of("theLongestMessageIsRead").random(), 524_272);
      give(raw, RawQemuWire.file(stream));
      assertThat(Io.receive(raw.channel, stream.length)).isEqualTo(stream);
    }
  }

  @Test
  void moreBlocksThanAMessageHoldsAreRefused() throws Exception {
    try (GuardedMemory memory = new GuardedMemory(PAGE);
        RawQemu raw = RawQemu.sourceOfLongMessages(SEED)) {
      Peer peer = raw.channel.info().peer();
      for (int i = 0; i < Command.MAX_BLOCKS; i++) {
        peer.register("block " + i, memory.block(0), Access.REMOTE_WRITE);
      }
      Task<Boolean> round = Threads.start("round", raw.channel::barrier);
      give(raw, new Command.BlocksRequest());
      assertThat(raw.wire.receive(Command.Blocks.class).blocks()).hasSize(16_383);
      give(raw, new Command.Finished());
      assertThat(round.result()).isTrue();
      peer.register("one more", memory.block(0), Access.REMOTE_WRITE);
      Task<Boolean> more = Threads.start("round", raw.channel::barrier);
      give(raw, new Command.BlocksRequest());
      assertThat(more.failure())
          .isInstanceOf(ChannelException.Unsupported.class)
          .hasMessage("The guest has 16384 RAM blocks, and QEMU's own rdma: takes 16383");
    }
  }

  @Test
  void aRegionThatWasClosedIsNotToBeHad() throws Exception {
    for (Command command :
        List.of(new Command.Compress(1, 0, 0, PAGE), new Command.Register(0, 0, 0))) {
      try (GuardedMemory memory = new GuardedMemory(PAGE);
          RawQemu raw = RawQemu.source(SEED, false)) {
        Region ram =
            raw.channel.info().peer().register("ram", memory.block(0), Access.REMOTE_WRITE);
        Task<Boolean> round = Threads.start("round", raw.channel::barrier);
        give(raw, new Command.BlocksRequest());
        raw.wire.receive(Command.Blocks.class);
        raw.wire.receive(Command.Ready.class);
        ram.close();
        raw.wire.send(command);
        assertThat(round.failure())
            .isInstanceOf(ChannelException.Aborted.class)
            .hasMessage("Region ram is closed");
        assertThat(memory.block(0).mismatch(MemorySegment.ofArray(new byte[PAGE]))).isEqualTo(-1);
      }
    }
  }

  // A return path.

  /** QEMU sends its first message unasked, and by the first READY the second. */
  @Test
  void aReturnPathMayBeginUnasked() throws Exception {
    try (RawQemu raw = RawQemu.answering(SEED)) {
      raw.wire.send(RawQemuWire.file(new byte[] {1}));
      Task<byte[]> reading = Task.start("read", () -> Io.receive(raw.channel, 3));
      give(raw, RawQemuWire.file(new byte[] {2}));
      give(raw, RawQemuWire.file(new byte[] {3}));
      assertThat(reading.result()).containsExactly(1, 2, 3);
    }
  }

  /** As a Godwit does that takes a guest: the first message waits for its READY as all do. */
  @Test
  void aReturnPathMayWaitForEachReady() throws Exception {
    try (RawQemu raw = RawQemu.answering(SEED)) {
      Task<byte[]> reading = Task.start("read", () -> Io.receive(raw.channel, 4));
      for (byte i = 1; i <= 4; i++) {
        give(raw, RawQemuWire.file(new byte[] {i}));
      }
      assertThat(reading.result()).containsExactly(1, 2, 3, 4);
    }
  }

  @Test
  void aReturnPathThatGoesOnUnaskedIsRefused() throws Exception {
    try (RawQemu raw = RawQemu.answering(SEED)) {
      raw.wire.send(RawQemuWire.file(new byte[] {1}));
      raw.wire.send(RawQemuWire.file(new byte[] {1}));
      raw.wire.receive(Command.GaveUp.class);
      assertThatThrownBy(() -> Io.receive(raw.channel, 3))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage(FROM + "sent FILE, and was not asked to");
    }
  }

  // Our source, which has two blocks and begins its first round.

  private Throwable sourceEnd(Saying saying) throws Exception {
    try (GuardedMemory memory = new GuardedMemory(VGA_BYTES, RAM_BYTES);
        RawQemu raw = RawQemu.destination(SEED, false)) {
      Peer peer = raw.channel.info().peer();
      // Zeros would need no key.
      memory.block(1).fill((byte) 1);
      try (Region vga = peer.register("vga", memory.block(0), Access.LOCAL);
          Region ram = peer.register("ram", memory.block(1), Access.LOCAL)) {
        Task<Boolean> round =
            Threads.start(
                "round",
                () -> {
                  raw.channel.barrier();
                  RemoteRegion there = peer.remote(ram.name(), Deadline.after(Await.LIMIT));
                  raw.channel.put(ram, 0, there, 0, PAGE);
                  raw.channel.barrier();
                });
        saying.say(raw);
        Throwable end = round.failure();
        memory.assertGuarded(vga.name());
        return end;
      }
    }
  }

  private void assertSourceViolated(String sentence, Saying saying) throws Exception {
    assertThat(sourceEnd(saying))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessage(sentence);
  }

  private static Command.Block block(long length) {
    return new Command.Block(0x7f0000000000L, 77, length, 0);
  }

  private static void exchange(RawQemu raw, List<Command.Block> blocks) throws ChannelException {
    raw.wire.send(new Command.Ready());
    raw.wire.receive(Command.BlocksRequest.class);
    raw.wire.send(new Command.Blocks(blocks));
  }

  /** As far as the request of the first key. */
  private static Command.Register begin(RawQemu raw) throws ChannelException {
    exchange(raw, List.of(block(VGA_BYTES), block(RAM_BYTES)));
    raw.wire.send(new Command.Ready());
    raw.wire.receive(Command.Finished.class);
    raw.wire.send(new Command.Ready());
    return raw.wire.receive(Command.Register.class);
  }

  @Test
  void blocksThatAreNotTheSourcesAreRefused() throws Exception {
    for (int count : new int[] {0, 1, 3, 1000}) {
      assertSourceViolated(
          TO + "has " + count + " RAM blocks, and the source 2",
          raw -> exchange(raw, Collections.nCopies(count, block(VGA_BYTES))));
    }
    assertSourceViolated(
        TO + "has 8193 bytes in RAM block vga, and the source 8192",
        raw -> exchange(raw, List.of(block(VGA_BYTES + 1), block(RAM_BYTES))));
    assertSourceViolated(
        TO + "has 0 bytes in RAM block ram, and the source 3158016",
        raw -> exchange(raw, List.of(block(VGA_BYTES), block(0))));
    assertSourceViolated(
        "The peer sent a message BLOCKS that has a length of 18446744073709551615 bytes",
        raw -> exchange(raw, List.of(block(VGA_BYTES), block(-1))));
  }

  @Test
  void aSecondLeaveBeforeTheFirstIsUsedIsRefused() throws Exception {
    assertSourceViolated(
        TO + "sent READY, which is out of turn",
        raw -> {
          begin(raw);
          raw.wire.send(new Command.Ready());
          raw.wire.send(new Command.Ready());
        });
  }

  @Test
  void answersThatNobodyAskedForAreRefused() throws Exception {
    assertSourceViolated(
        TO + "sent REGISTERED, which is out of turn",
        raw -> raw.wire.send(new Command.Registered(1, 2)));
    assertSourceViolated(
        TO + "sent BLOCKS, which is out of turn",
        raw -> raw.wire.send(new Command.Blocks(List.of())));
    assertSourceViolated(
        TO + "sent BLOCKS, which is out of turn",
        raw -> {
          begin(raw);
          raw.wire.send(new Command.Blocks(List.of(block(VGA_BYTES), block(RAM_BYTES))));
        });
    assertSourceViolated(
        TO + "sent REGISTERED, which is out of turn",
        raw -> {
          begin(raw);
          Registration good =
              raw.domain.register(Arena.ofAuto().allocate(RAM_BYTES), Domain.Rights.REMOTE_WRITE);
          raw.wire.send(new Command.Registered(good.remoteKey(), good.address()));
          raw.wire.send(new Command.Registered(good.remoteKey(), good.address()));
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"FILE", "COMPRESS", "REGISTER", "FINISHED", "UNREGISTER", "UNREGISTERED"})
  void whatNoDestinationSaysIsRefused(MessageType type) throws Exception {
    byte[] message =
        switch (type) {
          case FILE -> RawQemuWire.file(new byte[1]);
          case COMPRESS -> RawQemuWire.bytes(new Command.Compress(0, 0, 0, 1));
          case REGISTER -> RawQemuWire.bytes(new Command.Register(0, 0, 0));
          case FINISHED -> RawQemuWire.bytes(new Command.Finished());
          case UNREGISTER -> RawQemuWire.bytes(new Command.Unregister(0, 0));
          default -> RawQemuWire.bytes(new Command.Unregistered());
        };
    assertSourceViolated(
        TO + "sent " + type + ", which is out of turn", raw -> raw.wire.send(message));
  }

  /** What the device refuses is no harm to anybody; the address may have wrapped. */
  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MAX_VALUE, Long.MIN_VALUE, -4096})
  void aKeyAndAnAddressOfNothingAreRefused(long address) throws Exception {
    Throwable end =
        sourceEnd(
            raw -> {
              assertThat(begin(raw).at()).as("offset and bias").isEqualTo(77);
              raw.wire.send(new Command.Registered(-1, address));
              raw.wire.send(new Command.Ready());
            });
    boolean wraps = address < 0 && address > -RAM_BYTES;
    assertThat(end)
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageStartingWith(
            wraps
                ? TO + "has RAM block ram at " + Long.toUnsignedString(address)
                : "The peer of rdma:fake:1 has closed the region that was put into");
  }

  @Test
  void aDestinationThatGivesUpOrGoesIsLost() throws Exception {
    assertThat(sourceEnd(raw -> raw.wire.send(new Command.GaveUp())))
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessage(TO + "gave up");
    assertThat(
            sourceEnd(
                raw -> {
                  begin(raw);
                  raw.queuePair.disconnect();
                }))
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessage(TO + "ended the connection");
  }
}
