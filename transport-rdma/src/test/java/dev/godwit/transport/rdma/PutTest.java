package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How puts become writes, and that none is held back for ever. */
@Timeout(60)
final class PutTest {
  private static final long PAGE = 4096;
  private static final int MIB = 1 << 20;
  private static final byte[] WORD = {1, 2, 3, 4, 5};

  private final FakeLink link = new FakeLink();
  private final Arena arena = link.arena;
  private final List<Channel> dialled = link.dialled;
  private final List<Channel> accepted = link.accepted;

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }

  private void connect(String settings, int channels) throws Exception {
    link.connect(settings, channels, soon());
  }

  @AfterEach
  void closeAll() throws Exception {
    link.close();
  }

  private Channel out() {
    return dialled.getFirst();
  }

  private Channel in() {
    return accepted.getFirst();
  }

  private Region source(int size) throws Exception {
    Peer peer = out().info().peer();
    Region region = peer.register("source", arena.allocate(size), Access.LOCAL);
    Io.fill(region.memory(), 0, Io.bytes(new Random(size), size));
    return region;
  }

  private Region target(int size) throws Exception {
    return in().info().peer().register("target", arena.allocate(size), Access.REMOTE_WRITE);
  }

  private RemoteRegion remote() throws Exception {
    return out().info().peer().remote("target", soon());
  }

  private static long writes() {
    return FakeRdmaTransport.FABRIC.writes();
  }

  @Test
  void pagesSideBySideLeaveTogether() throws Exception {
    connect("", 1);
    try (Region src = source(MIB);
        Region dst = target(MIB)) {
      RemoteRegion remote = remote();
      long before = writes();
      for (int page = 0; page < 8; page++) {
        out().put(src, page * PAGE, remote, page * PAGE, PAGE);
      }
      out().flush();
      in().get(dst, 0, 8 * PAGE);
      assertThat(writes() - before).isEqualTo(1);
      assertThat(dst.memory().asSlice(0, 8 * PAGE).mismatch(src.memory().asSlice(0, 8 * PAGE)))
          .isEqualTo(-1);
    }
  }

  @Test
  void whatIsWrittenBetweenThemDoesNotPartThem() throws Exception {
    connect("", 1);
    try (Region src = source(MIB);
        Region dst = target(MIB)) {
      RemoteRegion remote = remote();
      long before = writes();
      for (int page = 0; page < 8; page++) {
        out().write(ByteBuffer.wrap(WORD));
        out().put(src, page * PAGE, remote, page * PAGE, PAGE);
      }
      out().flush();
      for (int page = 0; page < 8; page++) {
        assertThat(Io.receive(in(), WORD.length)).isEqualTo(WORD);
        in().get(dst, page * PAGE, PAGE);
      }
      assertThat(writes() - before).isEqualTo(1);
    }
  }

  @Test
  void pagesThatDoNotGoOnWhereTheLastOneEndedLeaveAlone() throws Exception {
    connect("", 1);
    try (Region src = source(MIB);
        Region dst = target(MIB)) {
      RemoteRegion remote = remote();
      long before = writes();
      out().put(src, 0, remote, 0, PAGE);
      out().put(src, 2 * PAGE, remote, PAGE, PAGE);
      out().put(src, 3 * PAGE, remote, 3 * PAGE, PAGE);
      out().put(src, 3 * PAGE, remote, 4 * PAGE, PAGE);
      out().flush();
      in().get(dst, 0, 2 * PAGE);
      in().get(dst, 3 * PAGE, 2 * PAGE);
      assertThat(writes() - before).isEqualTo(4);
      assertThat(dst.memory().asSlice(PAGE, PAGE).mismatch(src.memory().asSlice(2 * PAGE, PAGE)))
          .isEqualTo(-1);
    }
  }

  @Test
  void aRegionThatIsClosedTakesWhatWasPutWithItFirst() throws Exception {
    connect("", 1);
    try (Region dst = target(MIB)) {
      try (Region src = source(MIB)) {
        out().put(src, 0, remote(), PAGE, PAGE);
        long start = System.nanoTime();
        src.close();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
      }
      in().get(dst, PAGE, PAGE);
    }
  }

  /** Neither channel flushes, and each holds chunks that the other needs. */
  @Test
  void channelsMakeRoomForEachOther() throws Exception {
    Seed seed = Seed.of("channelsMakeRoomForEachOther");
    connect("max-registered=8M&chunk=1M&max-chunk=1M", 2);
    int size = 64 * MIB;
    try (Region src = source(size);
        Region dst = target(size)) {
      RemoteRegion remote = remote();
      List<Threads.Body> bodies = new ArrayList<>();
      for (int c = 0; c < 2; c++) {
        Channel to = dialled.get(c);
        Channel from = accepted.get(c);
        Random random = seed.random(c);
        long[] places = random.longs(200, 0, size / PAGE).toArray();
        bodies.add(
            () -> {
              for (long place : places) {
                to.put(src, place * PAGE, remote, place * PAGE, PAGE);
              }
              to.flush();
            });
        bodies.add(
            () -> {
              for (long place : places) {
                from.get(dst, place * PAGE, PAGE);
              }
            });
      }
      Threads.run(bodies.toArray(Threads.Body[]::new));
    }
  }
}
