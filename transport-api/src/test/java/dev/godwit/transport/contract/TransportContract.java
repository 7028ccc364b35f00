package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transport;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses, and plain bytes: what is written is what is read. */
public abstract class TransportContract extends ProviderContract {
  /** As many as a wide multifd migration with its main and preempt channels. */
  private static final int MANY_CHANNELS = 128;

  private Transport transport() throws Exception {
    return transports().of(fixture().address().scheme());
  }

  @Test
  void isFoundAvailableAndDescribed() throws Exception {
    assertThat(transport().availability()).isEqualTo(Availability.available());
    assertThat(transport().description()).isNotBlank();
    assertThat(transport().settings().values()).allSatisfy(line -> assertThat(line).isNotBlank());
  }

  @Test
  void refusesASettingItDoesNotKnowAndNamesIt() throws Exception {
    Endpoint listening = with(fixture().address(), "no-such-setting=1");
    Endpoint dialling = with(fixture().target(fixture().address()), "no-such-setting=1");
    for (Endpoint endpoint : List.of(listening, dialling)) {
      assertThatThrownBy(() -> transports().check(endpoint))
          .isInstanceOf(EndpointException.class)
          .hasMessageContaining("no-such-setting");
    }
    assertThatThrownBy(() -> transport().listen(listening)).isInstanceOf(EndpointException.class);
    assertThatThrownBy(() -> transport().dialer(dialling)).isInstanceOf(EndpointException.class);
  }

  @Test
  void channelsAndTransportDeclareTheSame() throws Exception {
    Pair pair = open();
    assertThat(pair.dialled().info().capabilities()).isEqualTo(capabilities());
    assertThat(pair.accepted().info().capabilities()).isEqualTo(capabilities());
    if (!transport().settings().containsKey("placement")) {
      assertThat(transport().capabilities()).isEqualTo(capabilities());
    }
  }

  @Test
  void factsOfAChannelAreItsOwn() throws Exception {
    Pair pair = open();
    Channel dialled = pair.dialled();
    Channel accepted = pair.accepted();
    String scheme = fixture().address().scheme();
    assertThat(dialled.info().serial()).isNotEqualTo(accepted.info().serial());
    assertThat(dialled.info().peer()).isSameAs(pair.dialer().peer());
    for (Channel channel : List.of(dialled, accepted)) {
      assertThat(channel.info().local().scheme()).isEqualTo(scheme);
      assertThat(channel.info().remote().scheme()).isEqualTo(scheme);
      assertThat(channel.info()).isEqualTo(channel.info());
    }
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        1, 2, 3, 7, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 262_143,
        262_144, 262_145, 1_048_577, 4_194_307
      })
  void bytesOfEachSizeArrive(int size) throws Exception {
    byte[] there = Io.bytes(Seed.of("bytesOfEachSizeArrive").random(), size);
    Pair pair = open();
    transfer(
        pair, out -> Io.send(out, there), in -> assertThat(Io.receive(in, size)).isEqualTo(there));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 65_537, 1_048_577})
  void bytesComeBackTheSameWay(int size) throws Exception {
    assumeBidirectional();
    byte[] there = Io.bytes(Seed.of("bytesComeBackTheSameWay").random(), size);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          Io.send(out, there);
          assertThat(Io.receive(out, size)).isEqualTo(there);
        },
        in -> Io.send(in, Io.receive(in, size)));
  }

  @Test
  void bothDirectionsFlowAtOnce() throws Exception {
    assumeBidirectional();
    int size = 8 << 20;
    Random random = Seed.of("bothDirectionsFlowAtOnce").random();
    byte[] there = Io.bytes(random, size);
    byte[] back = Io.bytes(random, size);
    Pair pair = open();
    Threads.run(
        () -> Io.send(pair.dialled(), there),
        () -> Io.send(pair.accepted(), back),
        () -> assertThat(Io.receive(pair.dialled(), size)).isEqualTo(back),
        () -> assertThat(Io.receive(pair.accepted(), size)).isEqualTo(there));
  }

  @Test
  void aGatheringWriteKeepsItsOrder() throws Exception {
    Random random = Seed.of("aGatheringWriteKeepsItsOrder").random();
    ByteBuffer all = ByteBuffer.allocate(3 << 20);
    List<ByteBuffer> pieces = new ArrayList<>();
    for (int i = 0; i < 2500; i++) {
      byte[] piece = Io.bytes(random, random.nextInt(5) == 0 ? 0 : random.nextInt(1500));
      all.put(piece);
      pieces.add(buffer(random, piece));
    }
    all.flip();
    Pair pair = open();
    transfer(
        pair,
        out -> {
          out.write(pieces.toArray(ByteBuffer[]::new));
          out.flush();
        },
        in -> assertThat(ByteBuffer.wrap(Io.receive(in, all.remaining()))).isEqualTo(all));
    assertThat(pieces).allSatisfy(piece -> assertThat(piece.remaining()).isZero());
  }

  /** Heap, direct and read-only buffers, with something before and behind. */
  private static ByteBuffer buffer(Random random, byte[] bytes) {
    int before = random.nextInt(9);
    ByteBuffer whole =
        random.nextBoolean()
            ? ByteBuffer.allocate(before + bytes.length + 5)
            : ByteBuffer.allocateDirect(before + bytes.length + 5);
    whole.position(before).put(bytes).flip().position(before);
    return switch (random.nextInt(3)) {
      case 0 -> whole;
      case 1 -> whole.slice();
      default -> whole.asReadOnlyBuffer();
    };
  }

  @Test
  void nothingWrittenIsNothingRead() throws Exception {
    Pair pair = open();
    transfer(
        pair,
        out -> {
          out.write();
          out.write(ByteBuffer.allocate(0), ByteBuffer.allocateDirect(0));
          Io.send(out, new byte[] {42});
        },
        in -> assertThat(Io.receive(in, 1)).containsExactly(42));
  }

  @Test
  void buffersAreTheCallersAgainOnReturn() throws Exception {
    int rounds = 400;
    Pair pair = open();
    transfer(
        pair,
        out -> {
          byte[] bytes = new byte[10_000];
          ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length);
          for (int i = 0; i < rounds; i++) {
            Arrays.fill(bytes, (byte) i);
            direct.clear().put(bytes).flip();
            out.write(ByteBuffer.wrap(bytes), direct);
          }
          out.flush();
        },
        in -> {
          for (int i = 0; i < rounds; i++) {
            byte[] expected = new byte[20_000];
            Arrays.fill(expected, (byte) i);
            assertThat(Io.receive(in, 20_000)).as("round %d", i).isEqualTo(expected);
          }
        });
  }

  @Test
  void manyWritesStayInOrderHoweverTheyAreRead() throws Exception {
    Seed seed = Seed.of("manyWritesStayInOrderHoweverTheyAreRead");
    byte[] all = Io.bytes(seed.random(), 6 << 20);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          Random random = seed.random(1);
          for (int at = 0; at < all.length; ) {
            int part = Math.min(all.length - at, 1 + random.nextInt(3000));
            out.write(ByteBuffer.wrap(all, at, part));
            at += part;
            if (random.nextInt(50) == 0) {
              out.flush();
            }
          }
          out.flush();
        },
        in -> {
          Random random = seed.random(2);
          for (int at = 0; at < all.length; ) {
            int room = Math.min(all.length - at, 1 + random.nextInt(9000));
            ByteBuffer buffer =
                random.nextBoolean() ? ByteBuffer.allocateDirect(room) : ByteBuffer.allocate(room);
            int read = in.read(buffer);
            assertThat(read).isBetween(1, room);
            assertThat(buffer.flip()).isEqualTo(ByteBuffer.wrap(all, at, read));
            at += read;
          }
        });
  }

  @Test
  void aReadTouchesOnlyTheRoomItWasGiven() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("aReadTouchesOnlyTheRoomItWasGiven").random(), 4096);
    Pair pair = open();
    transfer(
        pair,
        out -> Io.send(out, bytes),
        in -> {
          ByteBuffer buffer = ByteBuffer.allocate(100).position(10).limit(20);
          while (buffer.hasRemaining()) {
            in.read(buffer);
          }
          byte[] expected = new byte[100];
          System.arraycopy(bytes, 0, expected, 10, 10);
          assertThat(buffer.array()).isEqualTo(expected);
          assertThatThrownBy(() -> in.read(buffer)).isInstanceOf(IllegalArgumentException.class);
          assertThat(Io.receive(in, 4086)).isEqualTo(Arrays.copyOfRange(bytes, 10, 4096));
        });
  }

  @Test
  void statsCountWhatMoved() throws Exception {
    Pair pair = open();
    transfer(
        pair,
        out -> {
          Io.send(out, new byte[12_345]);
          Io.send(out, new byte[5]);
          ChannelStats stats = out.stats();
          assertThat(stats.bytesWritten()).isEqualTo(12_350);
          assertThat(stats.bytesRead() + stats.bytesPut() + stats.bytesGot()).isZero();
        },
        in -> {
          Io.receive(in, 12_350);
          ChannelStats stats = in.stats();
          assertThat(stats.bytesRead()).isEqualTo(12_350);
          assertThat(stats.bytesWritten() + stats.bytesPut() + stats.bytesGot()).isZero();
        });
  }

  @Test
  void aOneWayChannelHasEndedTheOtherWay() throws Exception {
    assumeFalse(capabilities().bidirectional(), "The channel goes both ways");
    Pair pair = open();
    assertThat(pair.dialled().read(ByteBuffer.allocate(1))).isEqualTo(-1);
    assertThatThrownBy(() -> pair.accepted().write(ByteBuffer.wrap(new byte[1])))
        .isInstanceOf(ChannelException.class);
  }

  @Test
  void anAddressOfOneChannelRefusesASecond() throws Exception {
    assumeFalse(capabilities().manyChannels(), "The address carries many channels");
    Pair pair = open();
    assertThatThrownBy(() -> pair.dialer().dial(Pair.soon())).isInstanceOf(ChannelException.class);
  }

  @Test
  void manyChannelsAreAcceptedInTheOrderTheyWereDialled() throws Exception {
    assumeManyChannels();
    try (Listener listener = transports().listen(fixture().address());
        Dialer dialer = transports().dialer(fixture().target(listener.local()))) {
      List<Channel> dialled = new ArrayList<>();
      List<Channel> accepted = new ArrayList<>();
      try {
        for (int i = 0; i < MANY_CHANNELS; i++) {
          Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
          dialled.add(dialer.dial(Pair.soon()));
          accepted.add(accepting.result());
        }
        Set<Long> serials = new HashSet<>();
        for (int i = MANY_CHANNELS - 1; i >= 0; i--) {
          Io.send(dialled.get(i), new byte[] {(byte) i, (byte) ~i});
          serials.add(dialled.get(i).info().serial());
          serials.add(accepted.get(i).info().serial());
          assertThat(dialled.get(i).info().peer()).isSameAs(dialer.peer());
        }
        for (int i = 0; i < MANY_CHANNELS; i++) {
          assertThat(Io.receive(accepted.get(i), 2)).containsExactly((byte) i, (byte) ~i);
        }
        assertThat(serials).hasSize(2 * MANY_CHANNELS);
      } finally {
        for (Channel channel : dialled) {
          channel.close();
        }
        for (Channel channel : accepted) {
          channel.close();
        }
      }
    }
  }

  @Test
  void anAddressCanBeListenedAtAgain() throws Exception {
    assumeRebinds();
    Endpoint address = fixture().address();
    Endpoint local;
    try (Listener first = transports().listen(address)) {
      local = first.local();
    }
    for (int i = 0; i < 3; i++) {
      try (Listener again = transports().listen(local);
          Dialer dialer = transports().dialer(fixture().target(again.local()))) {
        assertThat(again.local()).isEqualTo(local);
        Task<Channel> accepting = Task.start("accept", () -> again.accept(Pair.soon()));
        try (Channel out = dialer.dial(Pair.soon());
            Channel in = accepting.result()) {
          Io.send(out, new byte[] {7});
          assertThat(Io.receive(in, 1)).containsExactly(7);
        }
      }
    }
  }

  @Test
  void anAddressThatIsTakenIsRefused() throws Exception {
    assumeRebinds();
    try (Listener listener = transports().listen(fixture().address())) {
      assertThatThrownBy(() -> transports().listen(listener.local()).close())
          .isInstanceOf(ChannelException.Refused.class);
      Endpoint target = fixture().target(listener.local());
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
      try (Dialer dialer = transports().dialer(target);
          Channel out = dialer.dial(Pair.soon());
          Channel in = accepting.result()) {
        Io.send(out, new byte[] {7});
        assertThat(Io.receive(in, 1)).containsExactly(7);
      }
    }
  }

  @Test
  void nobodyThereIsRefused() throws Exception {
    assumeRebinds();
    Endpoint local;
    try (Listener listener = transports().listen(fixture().address())) {
      local = listener.local();
    }
    try (Dialer dialer = transports().dialer(fixture().target(local))) {
      assertThatThrownBy(() -> dialer.dial(Pair.soon()).close())
          .isInstanceOf(ChannelException.Refused.class);
    }
  }

  @Test
  void aListenerGoesOnAfterAnAcceptThatTimedOut() throws Exception {
    assumeRebinds();
    try (Listener listener = transports().listen(fixture().address())) {
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))).close())
          .isInstanceOf(ChannelException.TimedOut.class);
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ZERO)).close())
          .isInstanceOf(ChannelException.TimedOut.class);
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
      try (Dialer dialer = transports().dialer(fixture().target(listener.local()));
          Channel out = dialer.dial(Pair.soon());
          Channel in = accepting.result()) {
        Io.send(out, new byte[] {7});
        assertThat(Io.receive(in, 1)).containsExactly(7);
      }
    }
  }

  @Test
  void aDialThatNobodyAnswersTimesOut() throws Exception {
    Endpoint stalled = stalledTarget();
    try (Dialer dialer = transports().dialer(stalled)) {
      assertThatThrownBy(() -> dialer.dial(Deadline.after(Duration.ofMillis(50))).close())
          .isInstanceOf(ChannelException.TimedOut.class);
    }
  }

  private Endpoint stalledTarget() throws Exception {
    Optional<Endpoint> stalled = fixture().stalledTarget();
    assumeTrue(stalled.isPresent(), "The provider has no target that stalls");
    return stalled.orElseThrow();
  }
}
