package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How a channel ends: in order, half, by abort, by loss; and that nothing is left behind. */
public abstract class LifecycleContract extends ProviderContract {
  private static final String RAM = "pc.ram";
  private static final int MANY_BYTES = 1 << 20;

  private final Exception reason = new Exception("The reason this test aborts for");

  private static <T> Task<T> start(boolean virtual, String name, Callable<T> body) {
    return virtual ? Task.startVirtual(name, body) : Task.start(name, body);
  }

  private static Task<Integer> reading(boolean virtual, Channel channel) {
    return start(virtual, "read", () -> channel.read(ByteBuffer.allocate(16)));
  }

  /** Writes until it fails. */
  private static Task<Integer> writing(boolean virtual, Channel channel) {
    return start(
        virtual,
        "write",
        () -> {
          ByteBuffer buffer = ByteBuffer.allocateDirect(MANY_BYTES);
          while (true) {
            channel.write(buffer.clear());
          }
        });
  }

  private void assertAborted(Task<?> blocked) {
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
  }

  // Ends in order.

  @Test
  void afterCloseThePeerReadsAllAndThenTheEnd() throws Exception {
    Pair pair = open();
    byte[] bytes = {1, 2, 3, 4, 5};
    Io.send(pair.dialled(), bytes);
    pair.dialled().close();
    assertThat(Io.drain(pair.accepted())).isEqualTo(bytes);
    assertThat(pair.accepted().read(ByteBuffer.allocate(1))).isEqualTo(-1);
  }

  @Test
  void whatWasWrittenIsHandedOverByCloseWithoutFlush() throws Exception {
    Pair pair = open();
    pair.dialled().write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    pair.dialled().close();
    assertThat(Io.drain(pair.accepted())).containsExactly(1, 2, 3);
  }

  @Test
  void afterTheOutputsEndThePeerReadsAllAndThenTheEnd() throws Exception {
    assumeTellsOutputsEnd();
    Pair pair = open();
    pair.dialled().write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    pair.dialled().shutdownOutput();
    pair.dialled().shutdownOutput();
    assertThatThrownBy(() -> pair.dialled().write(ByteBuffer.wrap(new byte[1])))
        .isInstanceOf(ChannelException.class);
    assertThat(Io.drain(pair.accepted())).containsExactly(1, 2, 3);
    assertThat(pair.accepted().read(ByteBuffer.allocate(1))).isEqualTo(-1);
  }

  @Test
  void theOtherHalfStaysOpen() throws Exception {
    assumeBidirectional();
    assumeTrue(capabilities().halfClose(), "Ending the output may end the channel");
    assumeTellsOutputsEnd();
    Pair pair = open();
    pair.dialled().shutdownOutput();
    assertThat(Io.drain(pair.accepted())).isEmpty();
    byte[] bytes = new byte[300_000];
    Arrays.fill(bytes, (byte) 7);
    Task<byte[]> draining = Task.start("drain", () -> Io.drain(pair.dialled()));
    Io.send(pair.accepted(), bytes);
    draining.awaitBlocked();
    pair.accepted().close();
    assertThat(draining.result()).isEqualTo(bytes);
  }

  @Test
  void anEmptyChannelEndsToo() throws Exception {
    Pair pair = open();
    pair.dialled().close();
    assertThat(Io.drain(pair.accepted())).isEmpty();
  }

  // Abort.

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void abortEndsABlockedRead(boolean virtual) throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Integer> blocked = reading(virtual, pair.accepted());
    blocked.awaitBlocked();
    pair.accepted().abort(reason);
    assertAborted(blocked);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void abortEndsABlockedWrite(boolean virtual) throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Integer> blocked = writing(virtual, pair.dialled());
    blocked.awaitBlocked();
    pair.dialled().abort(reason);
    assertAborted(blocked);
  }

  @Test
  void abortEndsABlockedPut() throws Exception {
    assumeLive();
    assumePlacesBetweenWrites();
    Pair pair = open();
    Channel out = pair.dialled();
    try (Arena arena = Arena.ofShared();
        Region src = out.info().peer().register(RAM, arena.allocate(MANY_BYTES), Access.LOCAL);
        Region dst =
            pair.accepted()
                .info()
                .peer()
                .register(RAM, arena.allocate(MANY_BYTES), Access.REMOTE_WRITE)) {
      RemoteRegion there = out.info().peer().remote(dst.name(), Pair.soon());
      Task<Boolean> putting =
          Task.start(
              "put",
              () -> {
                while (true) {
                  out.put(src, 0, there, 0, MANY_BYTES);
                }
              });
      if (capabilities().placement() == Placement.INLINE) {
        putting.awaitBlocked();
      } else {
        Await.until("something is put", () -> out.stats().bytesPut() > 0);
      }
      out.abort(reason);
      assertAborted(putting);
      out.close();
    }
  }

  @Test
  void abortEndsABlockedGet() throws Exception {
    assumeLive();
    assumeNotPlacement(Placement.SILENT);
    Pair pair = open();
    Channel in = pair.accepted();
    try (Arena arena = Arena.ofShared();
        Region dst = in.info().peer().register(RAM, arena.allocate(8), Access.REMOTE_WRITE)) {
      Task<Boolean> blocked =
          Task.start(
              "get",
              () -> {
                in.get(dst, 0, 8);
                return true;
              });
      blocked.awaitBlocked();
      in.abort(reason);
      assertAborted(blocked);
      in.close();
    }
  }

  @Test
  void abortEndsABlockedBarrier() throws Exception {
    assumeNotPlacement(Placement.INLINE);
    Pair pair = open();
    Task<Boolean> blocked =
        Task.start(
            "barrier",
            () -> {
              pair.dialled().barrier();
              return true;
            });
    blocked.awaitBlocked();
    pair.dialled().abort(reason);
    assertAborted(blocked);
  }

  @Test
  void anAbortedChannelRefusesEverythingAndTellsWhy() throws Exception {
    Pair pair = open();
    Channel channel = pair.dialled();
    channel.abort(reason);
    channel.abort(new Exception("This one came later"));
    for (ThrowingCallable call : everyCall(channel)) {
      assertThatThrownBy(call).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    }
    channel.close();
    channel.abort(new Exception("This one came after close"));
  }

  /** Everything that needs an open channel. */
  private static List<ThrowingCallable> everyCall(Channel channel) {
    return List.of(
        () -> channel.read(ByteBuffer.allocate(1)),
        () -> channel.write(ByteBuffer.wrap(new byte[1])),
        channel::flush,
        channel::settle,
        channel::barrier,
        channel::shutdownOutput);
  }

  @Test
  void abortEndsABlockedAccept() throws Exception {
    assumeRebinds();
    try (var listener = transports().listen(fixture().address())) {
      Task<Channel> blocked = Task.start("accept", () -> listener.accept(Pair.soon()));
      blocked.awaitBlocked();
      listener.abort(reason);
      assertAborted(blocked);
      assertThatThrownBy(() -> listener.accept(Pair.soon()).close())
          .isInstanceOf(ChannelException.Aborted.class)
          .hasCause(reason);
    }
  }

  @Test
  void closingAListenerEndsABlockedAccept() throws Exception {
    assumeRebinds();
    try (var listener = transports().listen(fixture().address())) {
      Task<Channel> blocked = Task.start("accept", () -> listener.accept(Pair.soon()));
      blocked.awaitBlocked();
      listener.close();
      listener.close();
      assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class);
      assertThatThrownBy(() -> listener.accept(Pair.soon()).close())
          .isInstanceOf(ChannelException.Aborted.class);
    }
  }

  @Test
  void anAbortedDialerDialsNoMore() throws Exception {
    Pair pair = open();
    pair.dialer().abort(reason);
    assertThatThrownBy(() -> pair.dialer().dial(Pair.soon()).close())
        .isInstanceOf(ChannelException.Aborted.class)
        .hasCause(reason);
    Io.send(pair.dialled(), new byte[] {1});
    assertThat(Io.receive(pair.accepted(), 1)).containsExactly(1);
  }

  @Test
  void abortEndsABlockedDial() throws Exception {
    var stalled = fixture().stalledTarget();
    assumeTrue(stalled.isPresent(), "The provider has no target that stalls");
    try (var dialer = transports().dialer(stalled.orElseThrow())) {
      Task<Channel> blocked = Task.start("dial", () -> dialer.dial(Pair.soon()));
      blocked.awaitBlocked();
      dialer.abort(reason);
      assertAborted(blocked);
    }
  }

  // Loss.

  @Test
  void aPeerThatAbortedIsLostAndNotAtItsEnd() throws Exception {
    assumeLive();
    Pair pair = open();
    Task<byte[]> blocked = Task.start("drain", () -> Io.drain(pair.accepted()));
    blocked.awaitBlocked();
    pair.dialled().abort(reason);
    if (fixture().tellsLoss()) {
      Throwable lost = blocked.failure();
      assertThat(lost).isInstanceOf(ChannelException.Lost.class);
      assertThatThrownBy(() -> pair.accepted().read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.class)
          .hasCause(lost);
    } else {
      assertThat(blocked.result()).isEmpty();
    }
  }

  @Test
  void writingToAPeerThatIsGoneFails() throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Integer> blocked = writing(false, pair.dialled());
    blocked.awaitBlocked();
    pair.accepted().abort(reason);
    pair.accepted().close();
    Throwable lost = blocked.failure();
    assertThat(lost).isInstanceOf(ChannelException.Lost.class);
    assertThatThrownBy(() -> pair.dialled().write(ByteBuffer.wrap(new byte[1])))
        .isInstanceOf(ChannelException.class)
        .hasCause(lost);
  }

  @Test
  void writingToAPeerThatClosedFails() throws Exception {
    assumeLive();
    Pair pair = open();
    pair.accepted().close();
    Task<Integer> writing = writing(false, pair.dialled());
    assertThat(writing.failure()).isInstanceOf(ChannelException.Lost.class);
  }

  @Test
  void aBrokenChannelClosesQuietly() throws Exception {
    assumeLive();
    Pair pair = open();
    // What stands between the two, such as the commands of exec:, is there once a byte has passed.
    pair.dialled().write(ByteBuffer.allocate(1));
    pair.dialled().flush();
    assertThat(pair.accepted().read(ByteBuffer.allocate(1))).isEqualTo(1);
    pair.accepted().abort(reason);
    pair.accepted().close();
    assertThat(writing(false, pair.dialled()).failure()).isInstanceOf(ChannelException.Lost.class);
    pair.dialled().close();
    pair.dialled().close();
  }

  // Close.

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closeEndsARead(boolean virtual) throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Integer> blocked = reading(virtual, pair.accepted());
    blocked.awaitBlocked();
    pair.accepted().close();
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class);
  }

  @Test
  void closeEndsAWriteAndWaitsForNobody() throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Integer> blocked = writing(false, pair.dialled());
    blocked.awaitBlocked();
    Task<Boolean> closing =
        Task.start(
            "close",
            () -> {
              try {
                pair.dialled().close();
              } catch (ChannelException lossy) {
                // Allowed: bytes that were handed over may be lost.
              }
              return true;
            });
    assertThat(closing.result()).isTrue();
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class);
  }

  @Test
  void closeDoesNotWaitForAPeerThatDoesNotRead() throws Exception {
    assumeLive();
    Pair pair = open();
    Io.send(pair.dialled(), new byte[1000]);
    Task<Boolean> closing =
        Task.start(
            "close",
            () -> {
              pair.dialled().close();
              return true;
            });
    assertThat(closing.result()).isTrue();
    assertThat(Io.drain(pair.accepted())).hasSize(1000);
  }

  @Test
  void aClosedChannelRefusesEverything() throws Exception {
    Pair pair = open();
    Channel channel = pair.dialled();
    long serial = channel.info().serial();
    Io.send(channel, new byte[3]);
    channel.close();
    channel.close();
    for (ThrowingCallable call : everyCall(channel)) {
      assertThatThrownBy(call).isInstanceOf(ChannelException.Aborted.class);
    }
    assertThat(channel.info().serial()).isEqualTo(serial);
    assertThat(channel.stats().bytesWritten()).isEqualTo(3);
  }

  @Test
  void channelsOutliveTheirDialerAndListener() throws Exception {
    Pair pair = open();
    if (fixture().live()) {
      pair.listener().close();
    }
    pair.dialer().close();
    Io.send(pair.dialled(), new byte[] {1});
    assertThat(Io.receive(pair.accepted(), 1)).containsExactly(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anInterruptHasNoEffect(boolean virtual) throws Exception {
    assumeLive();
    Pair pair = open();
    Task<Boolean> blocked =
        start(
            virtual,
            "read",
            () -> {
              assertThat(Io.receive(pair.accepted(), 2)).containsExactly(1, 2);
              return Thread.interrupted();
            });
    blocked.awaitBlocked();
    blocked.thread().interrupt();
    Io.send(pair.dialled(), new byte[] {1});
    Io.send(pair.dialled(), new byte[] {2});
    assertThat(blocked.result()).as("still set").isTrue();
  }

  // Nothing is left behind.

  @Test
  void nothingLeaksInOrder() throws Exception {
    assertNothingLeaks(
        () -> {
          Pair pair = open();
          Io.send(pair.dialled(), new byte[100]);
          pair.dialled().close();
          assertThat(Io.drain(pair.accepted())).hasSize(100);
          pair.accepted().close();
          pair.listener().close();
          pair.dialer().close();
        });
  }

  @Test
  void nothingLeaksAfterPlacement() throws Exception {
    assumePlacesBetweenWrites();
    assertNothingLeaks(
        () -> {
          Seed seed = Seed.of("nothingLeaksAfterPlacement");
          PlacementPlan plan = PlacementPlan.random(seed, capabilities().placement());
          Pair pair = open();
          transfer(pair, plan::send, plan::receive);
          pair.dialled().close();
          pair.accepted().close();
          pair.close();
        });
  }

  @Test
  void nothingLeaksAfterAborts() throws Exception {
    assertNothingLeaks(
        () -> {
          Pair pair = open();
          Task<Integer> blocked = fixture().live() ? reading(true, pair.accepted()) : null;
          pair.dialled().abort(reason);
          pair.accepted().abort(reason);
          if (blocked != null && fixture().tellsLoss()) {
            assertThat(blocked.failure()).isInstanceOf(ChannelException.class);
          } else if (blocked != null) {
            Await.until("the read ends, or fails", blocked::isDone);
          }
          pair.close();
        });
  }

  @Test
  void nothingLeaksWhereNobodyListens() throws Exception {
    assumeRebinds();
    assertNothingLeaks(
        () -> {
          var listener = transports().listen(fixture().address());
          listener.close();
          try (var dialer = transports().dialer(fixture().target(listener.local()))) {
            assertThatThrownBy(() -> dialer.dial(Pair.soon()).close())
                .isInstanceOf(ChannelException.Refused.class);
          }
        });
  }

  private void assertNothingLeaks(ThrowingCallable cycle) throws Exception {
    repeat(3, cycle);
    Leaks leaks = Leaks.baseline(scratch());
    repeat(20, cycle);
    leaks.awaitNone();
  }

  private static void repeat(int times, ThrowingCallable cycle) throws Exception {
    for (int i = 0; i < times; i++) {
      try {
        cycle.call();
      } catch (Exception | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }
  }
}
