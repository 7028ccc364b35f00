package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A peer whose process is killed or stopped in the middle of puts, at either end. */
@Tag("softroce")
@Timeout(value = 200, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class PeerDeathTest {
  private static final Duration LIVENESS = Duration.ofMillis(500);
  private static final String SETTINGS =
      "?slots=4&slot=4k&max-registered=8M&liveness=" + LIVENESS.toMillis() + "ms";
  private static final Endpoint HERE =
      Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0" + SETTINGS);

  /** For the news of a death: nobody has to wait for retries or for silence. */
  private static final long NOTICED_NANOS = Duration.ofSeconds(10).toNanos();

  private final RdmaTransport transport = new RdmaTransport();

  @TempDir private Path scratch;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** Loads what the first connection of a process loads. */
  @BeforeEach
  void warmUp() throws Exception {
    try (Listener listener = transport.listen(HERE);
        Dialer dialer = transport.dialer(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      try (Channel out = dialer.dial(soon());
          Channel in = accepting.result()) {
        Io.send(out, new byte[] {7});
        assertThat(Io.receive(in, 1)).containsExactly(7);
      }
    }
  }

  private static void assertLostInTime(Task<Boolean> task, long since) {
    assertThat(task.failure()).isInstanceOf(ChannelException.Lost.class);
    assertThat(System.nanoTime() - since).as("until it was noticed").isLessThan(NOTICED_NANOS);
  }

  @Test
  void aPeerThatIsKilledWhileItPutsIsLost() throws Exception {
    DeviceCounts counts = DeviceCounts.baseline(scratch);
    try (Listener listener = transport.listen(HERE);
        Arena arena = Arena.ofShared();
        PeerProcess peer = PeerProcess.start(PeerProcess.Role.PUTS, listener.local());
        Channel in = listener.accept(soon());
        Region dst =
            in.info()
                .peer()
                .register("ram", arena.allocate(PeerProcess.SIZE), Access.REMOTE_WRITE)) {
      Task<Boolean> getting =
          Threads.start(
              "get",
              () -> {
                for (long at = 0; ; at = (at + PeerProcess.PUT) % PeerProcess.SIZE) {
                  in.get(dst, at, PeerProcess.PUT);
                }
              });
      Await.until("it puts", () -> in.stats().bytesGot() > PeerProcess.SIZE);

      long killed = System.nanoTime();
      peer.signal("KILL");

      assertLostInTime(getting, killed);
    }
    counts.awaitNone();
  }

  /** A stopped process takes nothing, and its kernel goes on to acknowledge: it is not lost. */
  @Test
  void aPeerThatIsStoppedIsWaitedForAndOneThatIsKilledThenIsLost() throws Exception {
    DeviceCounts counts = DeviceCounts.baseline(scratch);
    try (PeerProcess peer = PeerProcess.start(PeerProcess.Role.GETS, HERE);
        Arena arena = Arena.ofShared();
        Dialer dialer = transport.dialer(Endpoint.parse(peer.await("listens at ")));
        Channel out = dialer.dial(soon());
        Region src =
            dialer.peer().register("ram", arena.allocate(PeerProcess.SIZE), Access.LOCAL)) {
      RemoteRegion there = dialer.peer().remote("ram", soon());
      Task<Boolean> putting =
          Threads.start(
              "put",
              () -> {
                for (long at = 0; ; at = (at + PeerProcess.PUT) % PeerProcess.SIZE) {
                  out.put(src, at, there, at, PeerProcess.PUT);
                  out.flush();
                }
              });
      Await.until("it gets", () -> out.stats().bytesPut() > PeerProcess.SIZE);

      peer.signal("STOP");
      long stuck = awaitStandstill(out);
      Deadline silence = Deadline.after(LIVENESS.multipliedBy(8));
      Await.until("it is stopped for long", silence::hasPassed);
      assertThat(putting.isDone()).isFalse();
      assertThat(out.stats().bytesPut()).isEqualTo(stuck);

      peer.signal("CONT");
      Await.until("it goes on", () -> out.stats().bytesPut() > stuck + PeerProcess.SIZE);

      peer.signal("STOP");
      awaitStandstill(out);
      long killed = System.nanoTime();
      peer.signal("KILL");
      assertLostInTime(putting, killed);
    }
    counts.awaitNone();
  }

  /** Returns how much was put once that has not changed for longer than silence is borne. */
  private static long awaitStandstill(Channel out) {
    long[] last = {-1};
    long[] since = {System.nanoTime()};
    Await.until(
        "nothing moves",
        () -> {
          long now = out.stats().bytesPut();
          if (now != last[0]) {
            last[0] = now;
            since[0] = System.nanoTime();
          }
          return System.nanoTime() - since[0] > LIVENESS.toNanos();
        });
    return last[0];
  }
}
