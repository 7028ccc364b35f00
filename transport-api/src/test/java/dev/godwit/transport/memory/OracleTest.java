package dev.godwit.transport.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/**
 * Direct placement as the oracle of the law: what breaks the law goes wrong here for some seed,
 * what keeps it is the contracts' to show.
 */
final class OracleTest {
  private static final int SEEDS = 60;
  private static final String RAM = "pc.ram";

  /** What a receiver finds in its memory. */
  private enum Found {
    FIRST,
    SECOND,
    NEITHER
  }

  @AutoClose private final Arena arena = Arena.ofShared();

  /** One connection, with a region at each side. */
  private final class Bench implements AutoCloseable {
    private final Ends ends;
    private final Region src;
    private final Region dst;
    private final RemoteRegion there;

    Bench(String settings, int bytes) throws ChannelException {
      ends = Ends.open(settings);
      src = out().info().peer().register(RAM, arena.allocate(bytes), Access.REMOTE_WRITE);
      dst = in().info().peer().register(RAM, arena.allocate(bytes), Access.REMOTE_WRITE);
      there = out().info().peer().remote(RAM, Deadline.after(Await.LIMIT));
    }

    Channel out() {
      return ends.dialled();
    }

    Channel in() {
      return ends.accepted();
    }

    void set(int offset, int value) {
      src.memory().set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    Found found() {
      return switch (dst.memory().get(ValueLayout.JAVA_BYTE, 0)) {
        case 1 -> Found.FIRST;
        case 2 -> Found.SECOND;
        default -> Found.NEITHER;
      };
    }

    @Override
    public void close() throws ChannelException {
      ends.close();
      src.close();
      dst.close();
    }
  }

  /** What a transfer leaves behind, over many seeds. */
  private interface Attempt {
    Found run(Bench bench) throws Exception;
  }

  private Set<Found> outcomes(String settings, Attempt attempt) throws Exception {
    Set<Found> seen = EnumSet.noneOf(Found.class);
    for (int seed = 0; seed < SEEDS; seed++) {
      try (Bench bench = new Bench(settings + "&seed=" + seed, 8)) {
        seen.add(attempt.run(bench));
      }
    }
    return seen;
  }

  /** Against law 2: the same byte is the target of two puts with no barrier between them. */
  private static Found putTwice(Bench bench) throws Exception {
    bench.set(1, 1);
    bench.set(2, 2);
    bench.out().put(bench.src, 1, bench.there, 0, 1);
    bench.out().put(bench.src, 2, bench.there, 0, 1);
    bench.out().settle();
    bench.in().get(bench.dst, 0, 1);
    bench.in().get(bench.dst, 0, 1);
    return bench.found();
  }

  @Test
  void twoPutsToOneByteMayLandInEitherOrder() throws Exception {
    assertThat(outcomes("placement=direct", OracleTest::putTwice))
        .containsExactlyInAnyOrder(Found.FIRST, Found.SECOND);
    assertThat(outcomes("placement=inline", OracleTest::putTwice)).containsExactly(Found.SECOND);
  }

  /** Lawful: a barrier stands between them. */
  @Test
  void aBarrierBetweenTwoPutsKeepsTheirOrder() throws Exception {
    Attempt lawful =
        bench -> {
          bench.set(1, 1);
          bench.set(2, 2);
          Threads.run(
              () -> {
                bench.out().put(bench.src, 1, bench.there, 0, 1);
                bench.out().barrier();
                bench.out().put(bench.src, 2, bench.there, 0, 1);
                bench.out().barrier();
              },
              () -> {
                bench.in().get(bench.dst, 0, 1);
                bench.in().barrier();
                bench.in().get(bench.dst, 0, 1);
                bench.in().barrier();
              });
          return bench.found();
        };
    assertThat(outcomes("placement=direct", lawful)).containsExactly(Found.SECOND);
  }

  /** Against law 2: the receiver is told in the stream to zero a page that is then put. */
  private static Found zeroThenPut(Bench bench) throws Exception {
    bench.set(0, 2);
    bench.out().write(ByteBuffer.wrap(new byte[] {'z'}));
    bench.out().put(bench.src, 0, bench.there, 0, 1);
    bench.out().settle();
    assertThat(Io.receive(bench.in(), 1)).containsExactly('z');
    bench.dst.memory().set(ValueLayout.JAVA_BYTE, 0, (byte) 0);
    bench.in().get(bench.dst, 0, 1);
    return bench.found();
  }

  @Test
  void aPutLandsBeforeBytesWrittenEarlierAreRead() throws Exception {
    assertThat(outcomes("placement=direct", OracleTest::zeroThenPut))
        .containsExactly(Found.NEITHER);
    assertThat(outcomes("placement=inline", OracleTest::zeroThenPut)).containsExactly(Found.SECOND);
  }

  @Test
  void sourceMemoryIsReadUntilSettled() throws Exception {
    Attempt careless =
        bench -> {
          bench.set(0, 1);
          bench.out().put(bench.src, 0, bench.there, 0, 1);
          bench.set(0, 2);
          bench.out().settle();
          bench.in().get(bench.dst, 0, 1);
          return bench.found();
        };
    assertThat(outcomes("placement=direct", careless)).contains(Found.SECOND);
  }

  @Test
  void putsOfAnotherChannelMayLandFirst() throws Exception {
    Set<Boolean> landed = new HashSet<>();
    // A busy machine gives the other channel's put time to land as well, most of the time.
    Deadline deadline = Deadline.after(Await.LIMIT);
    for (int seed = 0; !landed.contains(false) && !deadline.hasPassed(); seed++) {
      MemoryTransport transport = new MemoryTransport();
      var endpoint = new MemoryFixture(Placement.RECORDED).address();
      endpoint = endpoint.with(endpoint.settings().with("seed", Integer.toString(seed)));
      try (var listener = transport.listen(endpoint);
          var dialer = transport.dialer(endpoint);
          Channel first = dialer.dial(Deadline.after(Await.LIMIT));
          Channel second = dialer.dial(Deadline.after(Await.LIMIT));
          Channel accepted = listener.accept(Deadline.after(Await.LIMIT));
          Region src = dialer.peer().register(RAM, arena.allocate(8), Access.LOCAL);
          Region dst =
              accepted.info().peer().register(RAM, arena.allocate(8), Access.REMOTE_WRITE)) {
        src.memory().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
        RemoteRegion there = dialer.peer().remote(RAM, Deadline.after(Await.LIMIT));
        first.put(src, 0, there, 0, 1);
        second.put(src, 0, there, 1, 1);
        second.settle();
        landed.add(first.stats().outstandingPuts() == 0);
        assertThat(dst.memory().get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 1);
        first.settle();
      }
    }
    assertThat(landed).contains(false);
  }

  @Test
  void whoForgetsToFlushMayWaitForEver() throws Exception {
    IntFunction<Boolean> seesItUnflushed =
        seed -> {
          try (Bench bench = new Bench("placement=direct&seed=" + seed, 8)) {
            bench.out().write(ByteBuffer.wrap(new byte[] {1}));
            Task<byte[]> reading = Task.start("read", () -> Io.receive(bench.in(), 1));
            boolean seen = reading.endsWithoutBlocking();
            bench.out().flush();
            assertThat(reading.result()).containsExactly(1);
            return seen;
          } catch (ChannelException e) {
            throw new AssertionError(e);
          }
        };
    Set<Boolean> outcomes = new HashSet<>();
    for (int seed = 0; seed < 20; seed++) {
      outcomes.add(seesItUnflushed.apply(seed));
    }
    assertThat(outcomes).containsExactlyInAnyOrder(true, false);
  }

  @Test
  void aGetThatDoesNotMatchThePutIsFoundAndTheSenderLosesTheConnection() throws Exception {
    try (Bench bench = new Bench("placement=direct", 8);
        Region other =
            bench.in().info().peer().register("other", arena.allocate(8), Access.REMOTE_WRITE)) {
      bench.out().put(bench.src, 0, bench.there, 2, 4);
      bench.out().flush();
      bench.in().get(bench.dst, 2, 1);
      assertThatThrownBy(() -> bench.in().get(bench.dst, 4, 1))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("pc.ram+4")
          .hasMessageContaining("pc.ram+3");
      assertThatThrownBy(() -> bench.out().write(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class);
      assertThat(other.name()).isEqualTo("other");
    }
    try (Bench bench = new Bench("placement=direct", 8);
        Region other =
            bench.in().info().peer().register("other", arena.allocate(8), Access.REMOTE_WRITE)) {
      bench.out().put(bench.src, 0, bench.there, 0, 1);
      bench.out().flush();
      assertThatThrownBy(() -> bench.in().get(other, 0, 1))
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void whatIsOnItsWayToAClosedRegionNeverLands() throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      try (Bench bench = new Bench("placement=direct&seed=" + seed, 64)) {
        MemorySegment memory = bench.dst.memory();
        bench.src.memory().fill((byte) 1);
        for (int i = 0; i < 60; i++) {
          bench.out().put(bench.src, i, bench.there, i, 1);
        }
        bench.dst.close();
        byte[] after = Io.copy(memory, 0, 64);
        if (bench.out().stats().outstandingPuts() > 0) {
          assertThatThrownBy(() -> bench.out().settle())
              .isInstanceOf(ChannelException.Violated.class)
              .hasMessageContaining(RAM);
        }
        assertThat(Io.copy(memory, 0, 64)).isEqualTo(after);
      }
    }
  }

  @Test
  void whatIsOnItsWayToAClosedChannelNeverLands() throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      try (Bench bench = new Bench("placement=direct&seed=" + seed, 64)) {
        bench.src.memory().fill((byte) 1);
        for (int i = 0; i < 60; i++) {
          bench.out().put(bench.src, i, bench.there, i, 1);
        }
        bench.in().close();
        byte[] after = Io.copy(bench.dst.memory(), 0, 64);
        bench.out().abort(new Exception("The peer is gone"));
        bench.out().close();
        assertThat(Io.copy(bench.dst.memory(), 0, 64)).isEqualTo(after);
      }
    }
  }

  @Test
  void closingASourceLetsItsPutsLand() throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      try (Bench bench = new Bench("placement=direct&seed=" + seed, 8)) {
        MemorySegment memory = bench.src.memory();
        bench.set(0, 1);
        bench.out().put(bench.src, 0, bench.there, 0, 1);
        bench.src.close();
        memory.fill((byte) 2);
        bench.out().settle();
        bench.in().get(bench.dst, 0, 1);
        assertThat(bench.found()).isEqualTo(Found.FIRST);
      }
    }
  }

  @Test
  void aReturnPathIsReadDuringABarrier() throws Exception {
    try (Bench bench = new Bench("placement=direct", 8)) {
      Task<byte[]> returnPath = Task.start("return path", () -> Io.receive(bench.out(), 2));
      returnPath.awaitBlocked();
      Threads.run(
          () -> bench.out().barrier(),
          () -> {
            Io.send(bench.in(), new byte[] {1});
            bench.in().barrier();
            Io.send(bench.in(), new byte[] {2});
          });
      assertThat(returnPath.result()).containsExactly(1, 2);
    }
  }

  @Test
  void aPeerThatEndsBeforeItsBarrierEndedEarly() throws Exception {
    try (Bench bench = new Bench("placement=direct", 8)) {
      bench.in().shutdownOutput();
      assertThatThrownBy(() -> bench.out().barrier())
          .isInstanceOf(ChannelException.EndedEarly.class);
    }
  }

  @Test
  void waitingForANameEndsWithTheLastConnection() throws Exception {
    try (Bench bench = new Bench("placement=direct", 8)) {
      Task<RemoteRegion> waiting =
          Task.start("remote", () -> bench.out().info().peer().remote("late", Deadline.never()));
      waiting.awaitBlocked();
      bench.in().abort(new Exception("The destination failed"));
      assertThat(waiting.failure()).isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void waitingForANameEndsWithTheDialer() throws Exception {
    var endpoint = new MemoryFixture(Placement.RECORDED).address();
    Exception reason = new Exception("The user cancelled");
    try (var dialer = new MemoryTransport().dialer(endpoint)) {
      Task<RemoteRegion> waiting =
          Task.start("remote", () -> dialer.peer().remote("late", Deadline.never()));
      waiting.awaitBlocked();
      dialer.abort(reason);
      assertThat(waiting.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    }
  }

  @Test
  void regionsOfAnotherMigrationMeanNothing() throws Exception {
    try (Bench one = new Bench("placement=direct", 8);
        Bench two = new Bench("placement=direct", 8)) {
      assertThatThrownBy(() -> one.out().put(two.src, 0, one.there, 0, 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> one.out().put(one.src, 0, two.there, 0, 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> one.out().put(one.dst, 0, one.there, 0, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void memoryOfOneThreadCannotBePlacedIn() throws Exception {
    try (Bench bench = new Bench("placement=direct", 8);
        Arena confined = Arena.ofConfined()) {
      assertThatThrownBy(
              () ->
                  bench
                      .in()
                      .info()
                      .peer()
                      .register("confined", confined.allocate(8), Access.REMOTE_WRITE)
                      .close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("confined");
    }
  }

  @Test
  void bothSidesNameTheSamePlacement() throws Exception {
    MemoryTransport transport = new MemoryTransport();
    var direct = new MemoryFixture(Placement.RECORDED).address();
    try (var listener = transport.listen(direct);
        var dialer = transport.dialer(Endpoint.parse("mem:" + direct.address()))) {
      assertThat(listener.local()).isEqualTo(direct);
      assertThatThrownBy(() -> dialer.dial(Deadline.after(Await.LIMIT)).close())
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("placement");
    }
  }

  @Test
  void aChannelTellsItsSeed() throws Exception {
    try (Bench told = new Bench("placement=direct&seed=-5", 8);
        Bench drawn = new Bench("placement=direct", 8)) {
      assertThat(told.out().info().local().settings().values("seed")).containsExactly("-5");
      assertThat(drawn.out().info().local().settings().values("seed")).hasSize(1);
      assertThat(drawn.in().toString()).contains("seed=");
    }
  }
}
