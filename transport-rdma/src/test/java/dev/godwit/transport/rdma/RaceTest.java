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
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Closing, aborting and closing regions while both directions are in full flow. */
@Timeout(value = 110, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class RaceTest {
  private static final int ROUNDS = 80;
  private static final int SIZE = 1 << 20;

  private final FakeRdmaTransport transport = new FakeRdmaTransport();

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

  @Test
  void whoeverEndsWhateverEverybodyComesHomeAndNothingIsLeft(@TempDir Path scratch)
      throws Exception {
    Seed seed = Seed.of("whoeverEndsWhateverEverybodyComesHome");
    round(seed, 0);
    Leaks leaks = Leaks.baseline(scratch);
    int registrations = FakeRdmaTransport.FABRIC.registrations();
    for (int i = 1; i <= ROUNDS; i++) {
      round(seed, i);
    }
    leaks.awaitNone();
    assertThat(FakeRdmaTransport.FABRIC.registrations()).as("%s", seed).isEqualTo(registrations);
  }

  private void round(Seed seed, int number) throws Exception {
    Random random = seed.random(number);
    boolean pinned = random.nextBoolean();
    Endpoint here =
        new FakeFixture(
                "slots=4&slot=4k&writes=4&liveness=2s&max-registered=8M&pin-all="
                    + (pinned ? "on" : "off"))
            .address();
    Deadline soon = Deadline.after(Duration.ofSeconds(20));
    try (Listener listener = transport.listen(here);
        Dialer dialer = transport.dialer(here);
        Arena arena = Arena.ofShared()) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon));
      Channel out = dialer.dial(soon);
      Channel in = accepting.result();
      Region src = dialer.peer().register("ram", arena.allocate(SIZE), Access.LOCAL);
      Region dst = in.info().peer().register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE);
      RemoteRegion there = dialer.peer().remote("ram", soon);
      List<Threads.Body> bodies = new ArrayList<>();
      bodies.add(
          untilItEnds(
              () -> {
                out.put(src, 0, there, 0, 100_000);
                out.flush();
              }));
      bodies.add(untilItEnds(() -> in.get(dst, 0, 100_000)));
      bodies.add(untilItEnds(() -> in.write(ByteBuffer.allocate(3000))));
      bodies.add(untilItEnds(() -> read(out)));
      List<Threads.Body> ends =
          List.of(
              out::close,
              in::close,
              () -> out.abort(new Exception("The race wants it so")),
              () -> in.abort(new Exception("The race wants it so")),
              src::close,
              dst::close);
      Threads.Body first = ends.get(random.nextInt(ends.size()));
      Threads.Body second = ends.get(random.nextInt(ends.size()));
      int moved = random.nextInt(200_000);
      bodies.add(() -> end(second));
      bodies.add(
          () -> {
            // A region that was closed first lets nothing move any more.
            Deadline flow = Deadline.after(Duration.ofMillis(50));
            while (in.stats().bytesGot() < moved && !flow.hasPassed()) {
              Thread.onSpinWait();
            }
            end(first);
            out.abort(new Exception("The round is over"));
            in.abort(new Exception("The round is over"));
          });
      Threads.run(bodies.toArray(Threads.Body[]::new));
      end(out::close);
      end(in::close);
      end(src::close);
      end(dst::close);
    } catch (AssertionError e) {
      throw new AssertionError("round " + number + " of " + seed, e);
    }
  }

  private static void read(Channel channel) throws ChannelException {
    if (channel.read(ByteBuffer.allocate(5000)) < 0) {
      throw new ChannelException.EndedEarly("The end");
    }
  }

  private static void end(Threads.Body end) throws Exception {
    try {
      end.run();
    } catch (ChannelException lossy) {
      // Allowed: bytes may be lost.
    }
  }
}
