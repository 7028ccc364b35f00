package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes wrong on one channel ends all, by name and soon; nobody waits for ever. */
final class FailuresTest {
  private static final int PAGE = Bench.PAGE;
  private static final int MUTATIONS = 10_000;
  private static final long MUTATION_NANOS = 5_000_000_000L;
  private static final MultifdSettings TWO = MultifdSettings.of(Dialect.V10_0, 2);

  private final Path scratch;
  private final List<MultifdException> told = new CopyOnWriteArrayList<>();
  private Bench bench;

  FailuresTest(@TempDir Path scratch) throws ChannelException {
    this.scratch = scratch;
    this.bench = new Bench("placement=inline&buffer=32k");
  }

  @AfterEach
  void close() throws ChannelException {
    bench.close();
  }

  private MultifdReceiver receiver(MultifdSettings settings) {
    return new MultifdReceiver(settings, bench.there(), bench.to(), Optional.empty(), told::add);
  }

  /** A channel of the receiver, on which the test plays the source. */
  private Channel forged(MultifdReceiver receiver, byte[] bytes) throws IOException {
    Channel source = bench.dial();
    Io.send(source, bytes);
    try {
      receiver.add(bench.accept());
    } catch (MultifdException early) {
      // It has failed already, as whoever waits for a sync will be told.
    }
    return source;
  }

  private static byte[] init(int id) throws IOException {
    return MemoryOnly.written(new MultifdInit(MultifdSettings.NO_GUEST, id)::write);
  }

  private static byte[] sync() throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
    packet.fillSync(Dialect.V10_0, 0);
    return MemoryOnly.written(packet::write);
  }

  /** One plain page, with its payload. */
  private static byte[] page(String block, long offset, int bits) throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
    packet.fillPages(MultifdPacket.padded(block));
    packet.add(offset);
    packet.endPages(Dialect.V10_0, bits, PAGE, 0);
    return join(MemoryOnly.written(packet::write), new byte[PAGE]);
  }

  /** One page of a block that travels in pages of its own size, without its payload. */
  private static byte[] hugePage(String block, int unitBytes) throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.whole(PAGE));
    packet.fillPages(MultifdPacket.padded(block));
    packet.add(0);
    packet.endPages(Dialect.V10_0, 0, unitBytes, 0);
    return MemoryOnly.written(packet::write);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    Arrays.stream(parts).forEach(all::writeBytes);
    return all.toByteArray();
  }

  /** What a sync fails with, after it failed for good and was told once. */
  private Throwable failureOfSync(MultifdReceiver receiver, String names) {
    MultifdException failure =
        catchThrowableOfType(MultifdException.class, () -> receiver.awaitSync(Bench.soon()));
    assertThat(failure).hasMessageContaining(names);
    assertThatThrownBy(() -> receiver.awaitSync(Bench.soon())).isSameAs(failure);
    assertThatThrownBy(receiver::finish).isSameAs(failure);
    Await.until("the failure is told", () -> !told.isEmpty());
    assertThat(told).containsExactly(failure);
    return Objects.requireNonNull(failure.getCause());
  }

  private void refuses(MultifdSettings settings, byte[] second, Kind kind, long at, String says)
      throws IOException {
    try (MultifdReceiver receiver = receiver(settings)) {
      Channel healthy = forged(receiver, join(init(0), sync()));
      Channel damaged = forged(receiver, second);
      Throwable cause = failureOfSync(receiver, "Channel multifd");
      assertThat(cause).isInstanceOf(StreamException.class).hasMessageContaining(says);
      assertThat(((StreamException) cause).kind()).isEqualTo(kind);
      assertThat(((StreamException) cause).offset()).isEqualTo(at);
      for (Channel channel : List.of(healthy, damaged)) {
        assertThatThrownBy(() -> Io.receive(channel, 1)).isInstanceOf(ChannelException.Lost.class);
      }
    }
  }

  @Test
  void aChannelThatIsNotOneOfThisMigrationIsRefused() throws Exception {
    refuses(TWO, init(0), Kind.MALFORMED, 24, "id 0 already (channel multifd connection");
    told.clear();
    refuses(TWO, init(2), Kind.MISMATCHED, 24, "id 2 of 2 channels");
    told.clear();
    UUID other = new UUID(0, 5);
    byte[] stranger = MemoryOnly.written(new MultifdInit(other, 1)::write);
    refuses(TWO, stranger, Kind.MISMATCHED, 8, "guest 00000000-0000-0000-0000-000000000005");
  }

  @Test
  void packetsThatDoNotFitAreRefused() throws Exception {
    refuses(TWO, join(init(1), page("pd.ram", 0, 0)), Kind.MISMATCHED, 128, "block pd.ram");
    told.clear();
    refuses(TWO, join(init(1), page("pc.ram", 300 * PAGE, 0)), Kind.MALFORMED, 384, "0x12c000");
    told.clear();
    refuses(TWO, join(init(1), page("pc.ram", 1, 0)), Kind.MALFORMED, 384, "no page at 0x1");
    told.clear();
    refuses(TWO, join(init(1), page("pc.ram", -PAGE, 0)), Kind.MALFORMED, 384, "no page at");
    told.clear();
    refuses(TWO, join(init(1), page("pc.ram", 0, 4)), Kind.MISMATCHED, 72, "zstd where this side");
    told.clear();
    MultifdSettings zlib = TWO.with(MultifdCompression.ZLIB, 1);
    refuses(zlib, join(init(1), page("pc.ram", 0, 2)), Kind.MALFORMED, 1408, "not zlib's");
    told.clear();
    byte[] device = MemoryOnly.written(new DeviceStatePacket("vfio", 0, new byte[9])::write);
    refuses(TWO, join(init(1), device), Kind.UNSUPPORTED, 72, "device sends its state");
    told.clear();
    MultifdSettings whole = TWO.withWholePages();
    byte[] huge = join(init(1), hugePage("pc.ram", 2 * PAGE));
    refuses(whole, huge, Kind.MALFORMED, 84, "4096 bytes is announced as 8192 bytes");
  }

  /** At each byte of a packet, the channel ends in order, or dies. */
  @ParameterizedTest
  @ValueSource(ints = {64, 65, 76, 1407, 1408, 1409, 5503, 5504})
  void aChannelThatEndsInTheMiddleIsNamed(int length) throws Exception {
    byte[] bytes = Arrays.copyOf(join(init(1), page("pc.ram", 0, 0)), length);
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync()));
      forged(receiver, bytes).shutdownOutput();
      Throwable cause = failureOfSync(receiver, length == 64 ? "in step" : "Channel multifd 1");
      if (length == 64) {
        assertThat(cause)
            .isInstanceOf(ChannelException.EndedEarly.class)
            .hasMessage("Channel multifd 1 ended before sync 1");
      } else {
        assertThat(((StreamException) cause).kind()).isEqualTo(Kind.TRUNCATED);
      }
    }
    told.clear();
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync()));
      Channel dying = forged(receiver, bytes);
      dying.abort(new IllegalStateException("The network is gone"));
      Throwable cause = failureOfSync(receiver, "Channel multifd");
      assertThat(cause).isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void aSyncThatDoesNotComeIsMissedByName() throws Exception {
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync()));
      assertThatThrownBy(() -> receiver.awaitSync(Deadline.after(Duration.ofMillis(50))))
          .isInstanceOf(MultifdException.class)
          .cause()
          .isInstanceOf(ChannelException.TimedOut.class)
          .hasMessage("Channel multifd 1 did not connect in time");
    }
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync(), sync()));
      forged(receiver, join(init(1), sync()));
      receiver.awaitSync(Bench.soon());
      awaitOneBeyond(receiver);
      assertThatThrownBy(() -> receiver.awaitSync(Deadline.after(Duration.ofMillis(50))))
          .cause()
          .hasMessage("Channel multifd 1 did not come to sync 2 in time");
    }
  }

  /** Waits until a channel stands at a SYNC that the main channel has not come to. */
  private static void awaitOneBeyond(MultifdReceiver receiver) {
    Await.until(
        "the next sync was read",
        () -> {
          try {
            receiver.gate().requireNoneBeyond();
            return false;
          } catch (ChannelException.Violated e) {
            return true;
          }
        });
  }

  @Test
  void channelsMayEndAfterTheLastSyncAndNotBefore() throws Exception {
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), page("pc.ram", 0, 0), sync())).shutdownOutput();
      forged(receiver, join(init(1), sync()));
      receiver.awaitSync(Bench.soon());
      receiver.finish();
    }
    assertThat(told).isEmpty();
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync(), page("pc.ram", 0, 0))).shutdownOutput();
      forged(receiver, join(init(1), sync()));
      receiver.awaitSync(Bench.soon());
      Await.until("the channel fails", () -> !told.isEmpty());
      assertThatThrownBy(receiver::finish)
          .hasMessage("Channel multifd 0 failed")
          .cause()
          .hasMessageContaining("after pages that no sync has followed");
    }
  }

  /** The second page of the same place must not come before the first one of another channel. */
  @Test
  void aChannelStopsAtItsSync() throws Exception {
    byte[] second = page("pc.ram", 0, 0);
    second[second.length - 1] = 2;
    try (MultifdReceiver receiver = receiver(TWO)) {
      forged(receiver, join(init(0), sync(), second, sync()));
      awaitOneBeyond(receiver);
      byte[] first = page("pc.ram", 0, 0);
      first[first.length - 1] = 1;
      forged(receiver, join(init(1), first, sync(), sync()));
      receiver.awaitSync(Bench.soon());
      receiver.awaitSync(Bench.soon());
      receiver.finish();
      byte[] ram = Io.copy(bench.there().all().getFirst().memory(), 0, PAGE);
      assertThat(ram[PAGE - 1]).isEqualTo((byte) 2);
    }
  }

  @Test
  void aSyncThatTheMainChannelDoesNotKnowIsFound() throws Exception {
    try (MultifdReceiver receiver = receiver(MultifdSettings.of(Dialect.V10_0, 1))) {
      Channel source = forged(receiver, join(init(0), sync(), sync()));
      receiver.awaitSync(Bench.soon());
      awaitOneBeyond(receiver);
      assertThatThrownBy(receiver::finish)
          .cause()
          .hasMessage("Channel multifd 0 came to sync 2 that the main channel has not");
      assertThatThrownBy(() -> Io.receive(source, 1)).isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void deviceStateGoesToWhomItConcerns() throws Exception {
    List<DeviceStatePacket> taken = new CopyOnWriteArrayList<>();
    DeviceStateSink sink =
        new DeviceStateSink() {
          @Override
          public int limitBytes() {
            return 16;
          }

          @Override
          public void accept(DeviceStatePacket packet) {
            taken.add(packet);
          }
        };
    byte[] nine = MemoryOnly.written(new DeviceStatePacket("vfio", 7, new byte[9])::write);
    byte[] many = MemoryOnly.written(new DeviceStatePacket("vfio", 7, new byte[17])::write);
    MultifdSettings one = MultifdSettings.of(Dialect.V10_0, 1);
    try (MultifdReceiver receiver =
        new MultifdReceiver(one, bench.there(), bench.to(), Optional.of(sink), told::add)) {
      forged(receiver, join(init(0), nine, sync(), many));
      receiver.awaitSync(Bench.soon());
      assertThat(taken).hasSize(1);
      assertThat(taken.getFirst().device()).isEqualTo("vfio");
      assertThat(failureOfSync(receiver, "Channel multifd 0")).hasMessageContaining("17 bytes");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"inline", "direct"})
  void aSenderLearnsThatAChannelDied(String placement) throws Exception {
    Bench first = bench;
    bench = new Bench("placement=" + placement);
    first.close();
    RamBlock ram = bench.here().all().getFirst();
    List<Channel> there = new ArrayList<>();
    try (MultifdSender sender = new MultifdSender(TWO, bench.from(), Bench.soon(), told::add)) {
      for (int id = 0; id < 2; id++) {
        sender.add(bench.dial());
        there.add(bench.accept());
      }
      Io.receive(there.get(1), MultifdInit.BYTES);
      there.get(1).abort(new IllegalStateException("The destination is gone"));
      MultifdException failure =
          catchThrowableOfType(
              MultifdException.class,
              () -> {
                while (true) {
                  for (long page = 0; page < ram.pages(); page++) {
                    sender.send(ram, page * PAGE);
                  }
                  sender.sync();
                }
              });
      assertThat(failure).hasMessage("Channel multifd 1 failed");
      assertThat(failure.getCause()).isInstanceOf(ChannelException.Lost.class);
      assertThatThrownBy(sender::sync).isSameAs(failure);
      Await.until("the failure is told", () -> !told.isEmpty());
      assertThat(told).containsExactly(failure);
      assertThatThrownBy(() -> Io.drain(there.get(0))).isInstanceOf(ChannelException.Lost.class);
    }
  }

  /** A destination that reads nothing does not hold a source that gives up. */
  @Test
  void givingUpEndsEveryWait() throws Exception {
    RamBlock ram = bench.here().all().getFirst();
    IllegalStateException reason = new IllegalStateException("The user cancelled");
    try (MultifdSender sender =
            new MultifdSender(TWO.withZeroPagesOnMain(), bench.from(), Bench.soon(), told::add);
        MultifdReceiver receiver = receiver(TWO)) {
      for (int id = 0; id < 2; id++) {
        sender.add(bench.dial());
        Channel silent = bench.accept();
        assertThat(silent.info().serial()).isPositive();
      }
      var sending =
          Threads.start(
              "send",
              () -> {
                while (true) {
                  for (long page = 0; page < ram.pages(); page++) {
                    sender.send(ram, page * PAGE);
                  }
                }
              });
      var waiting = Threads.start("await", () -> receiver.awaitSync(Deadline.never()));
      sending.awaitBlocked();
      waiting.awaitBlocked();
      sender.abort(reason);
      receiver.abort(reason);
      assertThat(sending.failure()).isInstanceOf(MultifdException.class).hasCause(reason);
      assertThat(waiting.failure()).isInstanceOf(MultifdException.class).hasCause(reason);
      assertThat(told).isEmpty();
    }
  }

  /** What a sender writes, damaged at random, ends in a typed failure or in other RAM. */
  @ParameterizedTest
  @EnumSource
  void damageEndsInATypedFailureAndSoon(MultifdCompression compression) throws Exception {
    Random random = Seed.of("damage of " + compression).random();
    MultifdSettings one = MultifdSettings.of(Dialect.V10_0, 1).with(compression, 1);
    byte[] sound = recorded(one, random);
    damaged(one, sound, random, 50, Long.MAX_VALUE);
    Leaks leaks = Leaks.baseline(scratch);
    int failures = damaged(one, sound, random, MUTATIONS, System.nanoTime() + MUTATION_NANOS);
    leaks.awaitNone();
    assertThat(failures).isPositive();
  }

  private int damaged(
      MultifdSettings settings, byte[] sound, Random random, int rounds, long endNanos)
      throws IOException {
    int failures = 0;
    for (int round = 0; round < rounds && System.nanoTime() < endNanos; round++) {
      byte[] bytes = Arrays.copyOf(sound, sound.length - random.nextInt(2) * random.nextInt(2000));
      for (int i = random.nextInt(3); i >= 0; i--) {
        int at = random.nextInt(random.nextBoolean() ? 600 : bytes.length);
        bytes[at] = (byte) random.nextInt();
      }
      try (MultifdReceiver receiver = receiver(settings);
          Channel source = bench.dialer().dial(Bench.soon())) {
        receiver.add(bench.listener().accept(Bench.soon()));
        try {
          Io.send(source, bytes);
          source.shutdownOutput();
        } catch (ChannelException refused) {
          assertThat(refused).isInstanceOf(ChannelException.Lost.class);
        }
        receiver.awaitSync(Bench.soon());
        receiver.awaitSync(Bench.soon());
        receiver.finish();
        // What damage has left behind the last sync nobody reads, and a close would say so.
        source.abort(new IllegalStateException("The round is over"));
      } catch (MultifdException e) {
        failures++;
        assertThat(e.getCause())
            .isInstanceOfAny(StreamException.class, ChannelException.EndedEarly.class);
      }
    }
    return failures;
  }

  /** What one channel carries of a few pages in two passes. */
  private byte[] recorded(MultifdSettings settings, Random random) throws Exception {
    RamBlock ram = bench.here().all().getFirst();
    try (MultifdSender sender =
        new MultifdSender(settings, bench.from(), Bench.soon(), told::add)) {
      sender.add(bench.dial());
      Channel there = bench.accept();
      for (int pass = 0; pass < 2; pass++) {
        for (int page = 0; page < 4; page++) {
          Io.fill(ram.memory(), (long) page * PAGE, Io.bytes(random, page * 200));
          sender.send(ram, (long) page * PAGE);
        }
        sender.sync();
      }
      sender.finish();
      return Io.drain(there);
    }
  }
}
