package dev.godwit.transport.rdma.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Seed;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The bytes are those of qemu-rdma-wire.md §4. */
final class CommandTest {
  private static final int MUTATIONS = 5_000;

  static Stream<Arguments> commands() {
    return Stream.of(
        Arguments.of(new Command.GaveUp(), "00000000 00000001 00000001 00000000"),
        Arguments.of(new Command.Ready(), "00000000 00000002 00000001 00000000"),
        Arguments.of(new Command.BlocksRequest(), "00000000 00000004 00000001 00000000"),
        Arguments.of(
            new Command.Blocks(
                List.of(
                    new Command.Block(0x7f00112233445566L, 0, 64 << 20, 0xabcd),
                    new Command.Block(0x1000, 0x4000000, 4096, 7))),
            "00000040 00000005 00000001 00000000"
                + "7f00112233445566 0000000000000000 0000000004000000 0000abcd 00000000"
                + "0000000000001000 0000000004000000 0000000000001000 00000007 00000000"),
        Arguments.of(
            new Command.Compress(0, 1, 0x4002000, 8192),
            "00000018 00000006 00000001 00000000"
                + "00000000 00000001 0000000004002000 0000000000002000"),
        Arguments.of(
            new Command.Register(1, 0x4100000, 63),
            "00000018 00000007 00000001 00000000"
                + "0000000004100000 00000001 00000000 000000000000003f"),
        Arguments.of(
            new Command.Registered(0x89abcdef, 0x7f0000000000L),
            "00000010 00000008 00000001 00000000 89abcdef 00000000 00007f0000000000"),
        Arguments.of(new Command.Finished(), "00000000 00000009 00000001 00000000"),
        Arguments.of(
            new Command.Unregister(2, 5),
            "00000018 0000000a 00000001 00000000"
                + "0000000000000005 00000002 00000000 0000000000000000"),
        Arguments.of(new Command.Unregistered(), "00000000 0000000b 00000001 00000000"));
  }

  private static Command decoded(ByteBuffer frame, int received) throws ChannelException {
    return Command.decode(Message.check(frame, received), frame);
  }

  private static ByteBuffer frame(String hex) {
    return ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void looksLikeThisOnTheWireAndIsReadAgain(Command command, String hex) throws Exception {
    ByteBuffer frame = ByteBuffer.allocate(Message.MAX_BYTES);
    int length = command.encode(frame);
    byte[] bytes = new byte[length];
    frame.get(0, bytes);
    assertThat(HexFormat.of().formatHex(bytes)).isEqualTo(hex.replace(" ", ""));
    assertThat(decoded(frame, length)).isEqualTo(command);
  }

  @Test
  void theHeaderOfAFileMayHaveGarbageBehindItsType() throws Exception {
    ByteBuffer file = frame("00000003 00000003 deadbeef deadbeef 514556");
    assertThat(Message.check(file, 19)).isEqualTo(MessageType.FILE);
    assertThat(Message.payloadBytes(file)).isEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00000000 00000000 00000001 00000000", // a type that is never sent
        "00000000 0000000c 00000001 00000000", // one that does not exist
        "00000000 80000002 00000001 00000000",
        "00000000 00000003 00000001 00000000", // a FILE with nothing in it
        "00000004 00000002 00000001 00000000", // less than it claims
        "ffffffff 00000002 00000001 00000000",
        "00000000 00000002 00000001 00000000 00", // more than it claims
        "00000001 00000002 00000001 00000000 00", // a READY with something in it
        "00000010 00000007 00000001 00000000 0000000000000000 00000000 00000000", // a short request
        "00000018 00000007 00000002 00000000 0000000000000000 00000000 00000000 0000000000000000",
        "00000018 00000007 00000001 00000000 0000000000000000 ffffffff 00000000 0000000000000000",
        "00000018 00000007 00000001 00000000 0000000000000000 00000000 00000000 ffffffffffffffff",
        "00000018 00000006 00000001 00000000 00000000 00004000 0000000000000000 0000000000000001",
        "00000018 00000006 00000001 00000000 00000000 00000000 0000000000000000 8000000000000000",
        "00000004 00000005 00000001 00000000 00000000", // a part of a block
        "00000000 0000",
      })
  void whatNoQemuSendsIsRefused(String hex) {
    ByteBuffer frame = frame(hex);
    assertThatThrownBy(() -> decoded(frame, frame.capacity()))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void damagedMessagesAreReadOrRefused() {
    Seed seed = Seed.of("damagedMessagesAreReadOrRefused");
    Random random = seed.random();
    List<Arguments> all = commands().toList();
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      Object any = all.get(random.nextInt(all.size())).get()[0];
      Command command = (Command) Objects.requireNonNull(any);
      ByteBuffer frame = ByteBuffer.allocate(256);
      int length = command.encode(frame);
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        int at = random.nextInt(length);
        frame.put(at, (byte) random.nextInt(256));
      }
      int received = random.nextInt(4) == 0 ? random.nextInt(256) : length;
      try {
        MessageType type = Message.check(frame, received);
        if (type != MessageType.FILE) {
          assertThat(Command.decode(type, frame).type()).as("%s", seed).isEqualTo(type);
        }
      } catch (ChannelException.Violated e) {
        refused++;
      } catch (ChannelException e) {
        throw new AssertionError(seed.toString(), e);
      }
    }
    assertThat(refused).as("%s", seed).isPositive();
  }

  /** Whatever the bytes are: read, or refused with a sentence, and nothing taken for granted. */
  @Test
  void anyBytesAreReadOrRefused() throws Exception {
    Seed seed = Seed.of("anyBytesAreReadOrRefused");
    Random random = seed.random();
    int[] edges = {0, 1, 2, 3, 11, 12, 16, 24, 32, 4096, 16_383, 524_272, -1, Integer.MIN_VALUE};
    int[] ends = new int[2];
    for (int i = 0; i < 4 * MUTATIONS; i++) {
      ByteBuffer frame = ByteBuffer.allocate(random.nextInt(200));
      random.nextBytes(frame.array());
      for (int at = 0; at + 4 <= frame.capacity(); at += 4) {
        if (random.nextInt(3) > 0) {
          frame.putInt(at, edges[random.nextInt(edges.length)]);
        }
      }
      int received = random.nextInt(3) > 0 ? frame.capacity() : random.nextInt();
      if (frame.capacity() >= Message.HEADER_BYTES && random.nextBoolean()) {
        frame.putInt(0, received - Message.HEADER_BYTES);
      }
      ends[readOrRefused(frame, received, seed) ? 0 : 1]++;
    }
    assertThat(ends).as("%s", seed).doesNotContain(0);
  }

  private static boolean readOrRefused(ByteBuffer frame, int received, Seed seed) {
    try {
      MessageType type = Message.check(frame, received);
      if (type != MessageType.FILE) {
        Command command = Command.decode(type, frame);
        ByteBuffer again = ByteBuffer.allocate(received);
        assertThat(command.encode(again)).as("%s", seed).isLessThanOrEqualTo(received);
      }
      return true;
    } catch (ChannelException.Violated e) {
      assertThat(e.getMessage()).as("%s", seed).startsWith("The peer sent ");
      return false;
    } catch (ChannelException e) {
      throw new AssertionError(seed.toString(), e);
    }
  }

  /** A claim of millions of records costs no more than the message that makes it. */
  @Test
  void aRefusalTakesNoMoreThanItsSentence() throws Exception {
    ByteBuffer[] lies = {
      frame("ffffffff 00000005 ffffffff 00000000"),
      frame("00000000 00000005 ffffffff 00000000"),
      frame(
          "00000018 00000007 ffffffff 00000000 0000000000000000 00000000 00000000"
              + " 7fffffffffffffff"),
      frame(
          "00000018 00000006 00000001 00000000 00000000 00000000 0000000000000000"
              + " 7fffffffffffffff"),
    };
    com.sun.management.ThreadMXBean threads =
        (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < 1000; i++) {
      outcome(lies[i % lies.length]);
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 1000; i++) {
      outcome(lies[i % lies.length]);
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1000L * (16 << 10));
  }

  private static String outcome(ByteBuffer frame) {
    try {
      return decoded(frame, frame.capacity()).toString();
    } catch (ChannelException e) {
      return e.getMessage();
    }
  }
}
