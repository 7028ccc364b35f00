package dev.godwit.transport.rdma;

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
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Closing and aborting whatever there is on a device while it is in use: everybody comes home, the
 * machine goes on, and nothing is left.
 */
@Tag("softroce")
@Timeout(value = 280, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsRaceTest {
  private static final boolean FULL = Boolean.getBoolean("godwit.full");
  private static final int FLOWS = FULL ? 400 : 60;
  private static final int HANDSHAKES = FULL ? 300 : 80;
  private static final int SIZE = 1 << 20;
  private static final int PUT = 100_000;

  private final RdmaTransport transport = new RdmaTransport();

  @TempDir private Path scratch;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** Something that a thread does until the channel ends; any failure of the seam is fine. */
  private static Threads.Body untilItEnds(Threads.Body step) {
    return () -> {
      try {
        while (true) {
          step.run();
        }
      } catch (ChannelException | IllegalStateException expected) {
        // A closed region, or an ended channel.
      }
    };
  }

  private static Threads.Body quietly(Threads.Body end) {
    return () -> {
      try {
        end.run();
      } catch (ChannelException lossy) {
        // Allowed: bytes may be lost.
      }
    };
  }

  /** One round of a race. */
  private interface Round {
    void run(Random random) throws Exception;
  }

  private void race(String name, int rounds, Round round) throws Exception {
    Seed seed = Seed.of(name);
    round.run(seed.random(0));
    DeviceCounts counts = DeviceCounts.baseline(scratch);
    for (int i = 1; i <= rounds; i++) {
      try {
        round.run(seed.random(i));
      } catch (Exception | AssertionError e) {
        throw new AssertionError("round " + i + " of " + seed, e);
      }
    }
    counts.awaitNone();
  }

  @Test
  void whoeverEndsWhateverDuringPutsEverybodyComesHome() throws Exception {
    race("whoeverEndsWhateverDuringPuts", FLOWS, this::flow);
  }

  private void flow(Random random) throws Exception {
    String settings =
        "slots=4&slot=4k&writes=4&liveness=2s&max-registered=16M"
            + (random.nextBoolean() ? "&pin-all=on" : "");
    Endpoint here = Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0?" + settings);
    try (Listener listener = transport.listen(here);
        Dialer dialer = transport.dialer(listener.local());
        Arena arena = Arena.ofShared()) {
      Channel[] ends = new Channel[2];
      Threads.run(() -> ends[0] = dialer.dial(soon()), () -> ends[1] = listener.accept(soon()));
      Channel out = ends[0];
      Channel in = ends[1];
      Region src = dialer.peer().register("ram", arena.allocate(SIZE), Access.LOCAL);
      Region dst = in.info().peer().register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE);
      RemoteRegion there = dialer.peer().remote("ram", soon());
      List<Threads.Body> ways =
          List.of(
              out::close,
              in::close,
              () -> out.abort(new Exception("The race wants it so")),
              () -> in.abort(new Exception("The race wants it so")),
              src::close,
              dst::close);
      Threads.Body first = ways.get(random.nextInt(ways.size()));
      Threads.Body second = ways.get(random.nextInt(ways.size()));
      int moved = random.nextInt(3 * PUT);
      List<Threads.Body> bodies = new ArrayList<>();
      bodies.add(
          untilItEnds(
              () -> {
                out.put(src, 0, there, 0, PUT);
                out.flush();
              }));
      bodies.add(untilItEnds(() -> in.get(dst, 0, PUT)));
      bodies.add(untilItEnds(() -> in.write(ByteBuffer.allocate(3000))));
      bodies.add(untilItEnds(() -> read(out)));
      bodies.add(quietly(second));
      bodies.add(
          () -> {
            // A region that was closed first lets nothing move any more.
            Deadline flow = Deadline.after(Duration.ofMillis(100));
            while (in.stats().bytesGot() < moved && !flow.hasPassed()) {
              Thread.onSpinWait();
            }
            quietly(first).run();
            out.abort(new Exception("The round is over"));
            in.abort(new Exception("The round is over"));
          });
      try {
        Threads.run(bodies.toArray(Threads.Body[]::new));
      } finally {
        quietly(out::close).run();
        quietly(in::close).run();
        quietly(src::close).run();
        quietly(dst::close).run();
      }
    }
  }

  private static void read(Channel channel) throws ChannelException {
    if (channel.read(ByteBuffer.allocate(5000)) < 0) {
      throw new ChannelException.EndedEarly("The end");
    }
  }

  @Test
  void whoeverEndsWhateverDuringHandshakesEverybodyComesHome() throws Exception {
    race("whoeverEndsWhateverDuringHandshakes", HANDSHAKES, this::handshake);
  }

  /** Two dial, one accepts, and before it is done somebody ends something. */
  private void handshake(Random random) throws Exception {
    Endpoint here =
        Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0?slots=4&slot=4k&liveness=2s");
    Listener listener = transport.listen(here);
    Dialer dialer = transport.dialer(listener.local());
    List<Threads.Body> ways =
        List.of(
            listener::close,
            () -> listener.abort(new Exception("The race wants it so")),
            dialer::close,
            () -> dialer.abort(new Exception("The race wants it so")),
            () -> {});
    Threads.Body way = ways.get(random.nextInt(ways.size()));
    long nanos = random.nextInt(30_000_000);
    CountDownLatch begun = new CountDownLatch(3);
    try {
      Threads.run(
          () -> dialling(dialer, begun),
          () -> dialling(dialer, begun),
          () -> {
            begun.countDown();
            untilItEnds(() -> closed(listener.accept(soon()))).run();
          },
          () -> {
            begun.await();
            Deadline then = Deadline.after(Duration.ofNanos(nanos));
            while (!then.hasPassed()) {
              Thread.onSpinWait();
            }
            quietly(way).run();
            // Whoever was not ended by that is now.
            listener.abort(new Exception("The round is over"));
            dialer.abort(new Exception("The round is over"));
          });
    } finally {
      quietly(listener::close).run();
      dialer.close();
    }
  }

  private static void dialling(Dialer dialer, CountDownLatch begun) throws Exception {
    begun.countDown();
    quietly(() -> closed(dialer.dial(soon()))).run();
  }

  private static void closed(Channel channel) {
    channel.abort(new Exception("It came about"));
    try {
      channel.close();
    } catch (ChannelException lossy) {
      // Allowed.
    }
  }
}
