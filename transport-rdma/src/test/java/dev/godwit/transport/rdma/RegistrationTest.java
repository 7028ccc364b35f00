package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What is registered, when, and how much of it; by bytes that are counted where they are pinned.
 */
@Timeout(60)
final class RegistrationTest {
  private static final int MIB = 1 << 20;

  private final FakeLink link = new FakeLink();
  private final Arena arena = link.arena;
  private final List<Channel> dialled = link.dialled;
  private final List<Channel> accepted = link.accepted;

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }

  private void connect(String settings, int channels) throws Exception {
    link.connect(settings, channels, soon());
  }

  @AfterEach
  void closeAll() throws Exception {
    link.close();
  }

  private static RdmaStatistics statistics(Peer peer) {
    return RdmaStatistics.of(peer).orElseThrow();
  }

  private Peer here() {
    return dialled.getFirst().info().peer();
  }

  private Peer there() {
    return accepted.getFirst().info().peer();
  }

  @Test
  void onDemandNothingIsRegisteredUntilAPutNeedsItAndThenAChunkAtEachEnd() throws Exception {
    connect("", 1);
    try (Region src = here().register("ram", arena.allocate(64L * MIB), Access.LOCAL);
        Region dst = there().register("ram", arena.allocate(64L * MIB), Access.REMOTE_WRITE)) {
      RemoteRegion remote = here().remote("ram", soon());
      assertThat(statistics(here()).bytes() + statistics(there()).bytes()).isZero();
      dialled.getFirst().put(src, 5 * MIB + 17, remote, 9 * MIB + 4, 1000);
      dialled.getFirst().flush();
      accepted.getFirst().get(dst, 9 * MIB + 4, 1000);
      assertThat(statistics(here()).bytes()).isEqualTo(MIB);
      assertThat(statistics(there()).bytes()).isEqualTo(MIB);
      dialled.getFirst().put(src, 5 * MIB, remote, 9 * MIB + 2000, 1000);
      dialled.getFirst().settle();
      assertThat(statistics(here()).registrations()).isEqualTo(1);
      assertThat(statistics(there()).registrations()).isEqualTo(1);
    }
    assertThat(statistics(here()).bytes() + statistics(there()).bytes()).isZero();
  }

  @Test
  void aSequentialPassTakesFewRegistrations() throws Exception {
    connect("", 1);
    int size = 128 * MIB;
    try (Region src = here().register("ram", arena.allocate(size), Access.LOCAL);
        Region dst = there().register("ram", arena.allocate(size), Access.REMOTE_WRITE)) {
      RemoteRegion remote = here().remote("ram", soon());
      Threads.run(
          () -> {
            for (int at = 0; at < size; at += MIB / 4) {
              dialled.getFirst().put(src, at, remote, at, MIB / 4);
            }
            dialled.getFirst().barrier();
          },
          () -> {
            accepted.getFirst().get(dst, 0, size);
            accepted.getFirst().barrier();
          });
      assertThat(statistics(here()).registrations()).isLessThan(12);
      assertThat(statistics(there()).registrations()).isLessThan(12);
      assertThat(statistics(there()).bytes()).isEqualTo(size);
    }
  }

  @Test
  void neitherEndEverRegistersMoreThanItsCeiling() throws Exception {
    Seed seed = Seed.of("neitherEndEverRegistersMoreThanItsCeiling");
    int channels = 4;
    int size = 64 * MIB;
    connect("max-registered=16M&slots=4&writes=4", channels);
    Random fill = seed.random();
    try (Region src = here().register("ram", arena.allocate(size), Access.LOCAL);
        Region dst = there().register("ram", arena.allocate(size), Access.REMOTE_WRITE)) {
      Io.fill(src.memory(), 0, Io.bytes(fill, size));
      List<Threads.Body> bodies = new ArrayList<>();
      int pages = size / 65536;
      for (int c = 0; c < channels; c++) {
        Channel out = dialled.get(c);
        Channel in = accepted.get(c);
        int first = c;
        List<Integer> order = new ArrayList<>();
        for (int page = first; page < pages; page += channels) {
          order.add(page);
        }
        if (c % 2 == 1) {
          java.util.Collections.shuffle(order, seed.random(c));
        }
        bodies.add(
            () -> {
              RemoteRegion remote = here().remote("ram", soon());
              for (int page : order) {
                out.put(src, page * 65536L, remote, page * 65536L, 65536);
              }
              out.barrier();
            });
        bodies.add(
            () -> {
              for (int page : order) {
                in.get(dst, page * 65536L, 65536);
              }
              in.barrier();
            });
      }
      Threads.run(bodies.toArray(Threads.Body[]::new));
      assertThat(src.memory().mismatch(dst.memory())).as("%s", seed).isEqualTo(-1);
      for (Peer peer : List.of(here(), there())) {
        assertThat(statistics(peer).mostBytes()).as("%s", seed).isBetween(1L, 8L * MIB);
      }
      assertThat(statistics(here()).evictions()).isPositive();
    }
  }

  @Test
  void pinAllRegistersWholeRegionsByItself() throws Exception {
    connect("pin-all=on&pin-chunk=1M", 2);
    int size = 5 * MIB + 100;
    try (Region src = here().register("ram", arena.allocate(size), Access.LOCAL);
        Region dst = there().register("ram", arena.allocate(size), Access.REMOTE_WRITE)) {
      Await.until(
          "both ends have registered all",
          () -> statistics(here()).bytes() == size && statistics(there()).bytes() == size);
      assertThat(statistics(there()).registrations()).isEqualTo(6);
      RemoteRegion remote = here().remote("ram", soon());
      dialled.getLast().put(src, 0, remote, 0, size);
      dialled.getLast().flush();
      accepted.getLast().get(dst, 0, size);
      assertThat(statistics(there()).registrations()).isEqualTo(6);
    }
    assertThat(statistics(here()).bytes() + statistics(there()).bytes()).isZero();
  }

  @Test
  void aRegionRegisteredBeforeTheFirstChannelIsPinnedWithIt() throws Exception {
    Endpoint here = new FakeFixture("pin-all=on").address();
    try (Listener listener = link.transport.listen(here);
        Dialer dialer = link.transport.dialer(here);
        Region src = dialer.peer().register("ram", arena.allocate(MIB), Access.LOCAL)) {
      assertThat(statistics(dialer.peer()).bytes()).isZero();
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      try (Channel out = dialer.dial(soon());
          Channel in = accepting.result()) {
        Await.until(
            "it is registered",
            () -> statistics(out.info().peer()).bytes() == src.memory().byteSize());
        assertThat(in.info().peer()).isNotSameAs(out.info().peer());
      }
      assertThat(statistics(dialer.peer()).bytes()).as("gone with the last channel").isZero();
    }
  }

  @Test
  void aLimitThatIsTooLowEndsTheChannelWithItsReason() throws Exception {
    connect("", 1);
    int before = FakeRdmaTransport.FABRIC.registrations();
    FakeRdmaTransport.FABRIC.lockableBytes = 0;
    try (Region src = here().register("ram", arena.allocate(MIB), Access.LOCAL);
        Region dst = there().register("ram", arena.allocate(MIB), Access.REMOTE_WRITE)) {
      RemoteRegion remote = here().remote(dst.name(), soon());
      assertThatThrownBy(() -> dialled.getFirst().put(src, 0, remote, 0, 100))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("limit of locked memory");
    } finally {
      FakeRdmaTransport.FABRIC.lockableBytes = Long.MAX_VALUE;
    }
    assertThat(FakeRdmaTransport.FABRIC.registrations()).isEqualTo(before);
  }
}
