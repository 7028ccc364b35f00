package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
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
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * The program in the VM of {@link DeviceLossTest}: both ends of a transfer, in the midst of which
 * it does something to the device. It writes a line {@code ROUND WHAT} for what happens.
 */
final class DeviceEnd {
  /** What happens to the device. */
  private enum Round {
    PORT,
    REMOVAL,
    /** Nothing. */
    AFTERWARDS
  }

  /** What ends a transfer. */
  private interface Mishap {
    void strike(Channel out) throws Exception;
  }

  private static final int SIZE = 1 << 20;
  private static final int PUT = 64 << 10;

  /** Three times the silence after which a peer is probed, and what a slow machine takes. */
  private static final Duration NOTICED = Duration.ofSeconds(30);

  private static final Path STATE = Path.of("/sys/class/infiniband/rxe0/ports/1/state");

  private final Round round;
  private final Endpoint endpoint;

  private DeviceEnd(Round round, String address) {
    this.round = round;
    endpoint = Endpoint.parse("rdma:" + address + ":0?liveness=2s&max-registered=8M");
  }

  /**
   * @param arguments the address, and rounds
   */
  public static void main(String[] arguments) throws Exception {
    Path scratch = Files.createTempDirectory("godwit-device");
    for (String name : List.of(arguments).subList(1, arguments.length)) {
      DeviceEnd end = new DeviceEnd(Round.valueOf(name), arguments[0]);
      end.awaitActive();
      end.work();
      Leaks leaks = Leaks.baseline(scratch);
      switch (end.round) {
        case PORT -> end.lose(leaks, "ip", "link", "set", "eth0", "down");
        case REMOVAL -> end.lose(leaks, "rdma", "link", "delete", "rxe0");
        case AFTERWARDS -> {}
      }
      end.say("over");
    }
  }

  private void say(String what) {
    System.out.println(round + " " + what);
  }

  private void awaitActive() {
    Await.until("the port is active", () -> Files.readString(STATE).contains("ACTIVE"));
  }

  /** A transfer that nothing happens to. */
  private void work() throws Exception {
    transfer("ending", out -> out.abort(new IOException("It is enough")));
    say("worked");
  }

  /** Does that in the middle of a transfer, of which both ends must hear. */
  private void lose(Leaks leaks, String... command) throws Exception {
    Process[] process = new Process[1];
    transfer("losing", out -> process[0] = new ProcessBuilder(command).inheritIO().start());
    leaks.awaitNone();
    if (round == Round.PORT) {
      assertThat(Objects.requireNonNull(process[0]).waitFor()).isZero();
    }
  }

  private void transfer(String what, Mishap mishap) throws Exception {
    try (Listener listener = Ends.TRANSPORTS.listen(endpoint);
        Dialer dialer = Ends.TRANSPORTS.dialer(listener.local());
        Arena arena = Arena.ofShared()) {
      Task<Channel> accepting =
          Task.start("accept", () -> listener.accept(Deadline.after(Await.LIMIT)));
      try (Channel out = dialer.dial(Deadline.after(Await.LIMIT));
          Channel in = accepting.result();
          Region src = dialer.peer().register("ram", arena.allocate(SIZE), Access.LOCAL);
          Region dst =
              in.info().peer().register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE)) {
        RemoteRegion there = dialer.peer().remote("ram", Deadline.after(Await.LIMIT));
        Task<Boolean> putting =
            Threads.start(
                "put",
                () -> {
                  for (long at = 0; ; at = (at + PUT) % SIZE) {
                    out.put(src, at, there, at, PUT);
                    out.flush();
                  }
                });
        Task<Boolean> getting =
            Threads.start(
                "get",
                () -> {
                  for (long at = 0; ; at = (at + PUT) % SIZE) {
                    in.get(dst, at, PUT);
                  }
                });
        Await.until("it moves", () -> in.stats().bytesGot() > SIZE);
        long start = System.nanoTime();
        mishap.strike(out);
        ended(what + " dialer", putting, start);
        ended(what + " listener", getting, start);
      }
    }
  }

  private void ended(String end, Task<Boolean> task, long start) {
    Throwable failure = task.failure();
    long nanos = System.nanoTime() - start;
    say(
        "%s %s: %s, after %d ms"
            .formatted(
                end,
                failure.getClass().getSimpleName(),
                failure.getMessage(),
                TimeUnit.NANOSECONDS.toMillis(nanos)));
    if (!(failure instanceof ChannelException) || nanos > NOTICED.toNanos()) {
      throw new AssertionError("It took " + nanos + " ns until this came", failure);
    }
  }
}
