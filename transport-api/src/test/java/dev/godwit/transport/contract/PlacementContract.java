package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Registered memory: put and get, their bounds, their order, and the barrier. */
public abstract class PlacementContract extends ProviderContract {
  private static final String RAM = "pc.ram";

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void freeMemory() {
    arena.close();
  }

  private static Region export(Channel channel, String name, MemorySegment memory)
      throws ChannelException {
    return channel.info().peer().register(name, memory, Access.REMOTE_WRITE);
  }

  private static Region lend(Channel channel, String name, MemorySegment memory)
      throws ChannelException {
    return channel.info().peer().register(name, memory, Access.LOCAL);
  }

  private static RemoteRegion remote(Channel channel, String name) throws ChannelException {
    return channel.info().peer().remote(name, Pair.soon());
  }

  /** Takes placed bytes as far as this placement announces them. */
  private void take(Channel channel, Region region, long offset, long length)
      throws ChannelException {
    if (capabilities().placement() != Placement.SILENT) {
      channel.get(region, offset, length);
    }
  }

  @RepeatedTest(6)
  void anyMixOfWritesAndPutsArrives() throws Exception {
    PlacementPlan plan =
        PlacementPlan.random(Seed.of("anyMixOfWritesAndPutsArrives"), capabilities().placement());
    Pair pair = open();
    transfer(pair, plan::send, plan::receive);
  }

  @Test
  void getReturnsOnlyWhenTheBytesAreThere() throws Exception {
    int page = 4096;
    int pages = 300;
    byte[] all = Io.bytes(Seed.of("getReturnsOnlyWhenTheBytesAreThere").random(), pages * page);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          MemorySegment memory = arena.allocate(all.length);
          Io.fill(memory, 0, all);
          try (Region src = lend(out, RAM, memory)) {
            RemoteRegion dst = remote(out, RAM);
            for (int i = pages - 1; i >= 0; i--) {
              out.put(src, (long) i * page, dst, (long) i * page, page);
              out.flush();
            }
            out.barrier();
          }
        },
        in -> {
          MemorySegment memory = arena.allocate(all.length);
          try (Region dst = export(in, RAM, memory)) {
            for (int i = pages - 1; i >= 0; i--) {
              take(in, dst, (long) i * page, page);
              if (capabilities().placement() != Placement.SILENT) {
                assertThat(ByteBuffer.wrap(Io.copy(memory, (long) i * page, page)))
                    .isEqualTo(ByteBuffer.wrap(all, i * page, page));
              }
            }
            in.barrier();
            assertThat(Io.copy(memory, 0, all.length)).isEqualTo(all);
          }
        });
  }

  @Test
  void regionsAreToldApartByName() throws Exception {
    Pair pair = open();
    String longest = "r".repeat(255);
    transfer(
        pair,
        out -> {
          MemorySegment memory = arena.allocate(2);
          Io.fill(memory, 0, new byte[] {1, 2});
          try (Region src = lend(out, "source", memory)) {
            out.put(src, 0, remote(out, longest), 3, 1);
            out.put(src, 1, remote(out, "b"), 5, 1);
            out.barrier();
          }
        },
        in -> {
          MemorySegment a = arena.allocate(8);
          MemorySegment b = arena.allocate(8);
          try (Region first = export(in, longest, a);
              Region second = export(in, "b", b)) {
            take(in, first, 3, 1);
            take(in, second, 5, 1);
            in.barrier();
            assertThat(Io.copy(a, 0, 8)).containsExactly(0, 0, 0, 1, 0, 0, 0, 0);
            assertThat(Io.copy(b, 0, 8)).containsExactly(0, 0, 0, 0, 0, 2, 0, 0);
          }
        });
  }

  @Test
  void offsetsBeyondFourGigabytesAreKept() throws Exception {
    long size = (4L << 30) + (1 << 20);
    long[] offsets = {0, (1L << 31) - 3000, (1L << 32) - 3000, size - 6000};
    Random random = Seed.of("offsetsBeyondFourGigabytesAreKept").random();
    byte[] bytes = Io.bytes(random, 6000);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          MemorySegment memory = sparse("source", size);
          try (Region src = lend(out, RAM, memory)) {
            RemoteRegion dst = remote(out, RAM);
            for (long offset : offsets) {
              Io.fill(memory, offset, bytes);
              out.put(src, offset, dst, size - 6000 - offset, 6000);
            }
            out.barrier();
          }
        },
        in -> {
          MemorySegment memory = sparse("destination", size);
          try (Region dst = export(in, RAM, memory)) {
            for (long offset : offsets) {
              take(in, dst, size - 6000 - offset, 6000);
            }
            in.barrier();
            for (long offset : offsets) {
              assertThat(Io.copy(memory, size - 6000 - offset, 6000)).isEqualTo(bytes);
            }
          }
        });
  }

  /** Memory of which only the touched pages exist. */
  private MemorySegment sparse(String name, long size) throws IOException {
    try (FileChannel file =
        FileChannel.open(
            scratch().resolve(name),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      return file.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
    }
  }

  @Test
  void aPutOfNothingIsNothing() throws Exception {
    Pair pair = open();
    transfer(
        pair,
        out -> {
          try (Region src = lend(out, RAM, arena.allocate(8))) {
            out.put(src, 8, remote(out, RAM), 8, 0);
            Io.send(out, new byte[] {1});
            out.barrier();
          }
        },
        in -> {
          try (Region dst = export(in, RAM, arena.allocate(8))) {
            take(in, dst, 0, 0);
            assertThat(Io.receive(in, 1)).containsExactly(1);
            in.barrier();
          }
        });
  }

  @Test
  void badOffsetsTouchNothing() throws Exception {
    Pair pair = open();
    long max = Long.MAX_VALUE;
    long[][] bad = {
      {-1, 1}, {0, -1}, {0, 101}, {100, 1}, {101, 0}, {-1, 0}, {max, 1}, {1, max}, {max, max}
    };
    transfer(
        pair,
        out -> {
          try (Region src = lend(out, RAM, arena.allocate(100))) {
            RemoteRegion dst = remote(out, RAM);
            for (long[] range : bad) {
              assertThatThrownBy(() -> out.put(src, range[0], dst, 0, range[1]))
                  .as("%d+%d", range[0], range[1])
                  .isInstanceOf(IndexOutOfBoundsException.class);
            }
            assertThatThrownBy(() -> out.put(src, 0, dst, -1, 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> out.put(src, 0, dst, max, 100))
                .isInstanceOf(IndexOutOfBoundsException.class);
            if (capabilities().placement() != Placement.INLINE) {
              for (long length : new long[] {0, 1, 51}) {
                assertThatThrownBy(() -> out.put(src, 0, dst, 101 - length, length))
                    .as("%d at the end", length)
                    .isInstanceOf(IndexOutOfBoundsException.class);
              }
            }
            assertThat(out.stats().bytesPut()).isZero();
            Io.send(out, new byte[] {9});
            out.barrier();
          }
        },
        in -> {
          MemorySegment memory = arena.allocate(100);
          try (Region dst = export(in, RAM, memory)) {
            for (long[] range : bad) {
              assertThatThrownBy(() -> in.get(dst, range[0], range[1]))
                  .as("%d+%d", range[0], range[1])
                  .isInstanceOf(IndexOutOfBoundsException.class);
            }
            assertThat(Io.receive(in, 1)).containsExactly(9);
            in.barrier();
            assertThat(Io.copy(memory, 0, 100)).containsOnly(0);
          }
        });
  }

  @Test
  void aClosedRegionIsRefusedAndUntouched() throws Exception {
    Pair pair = open();
    transfer(
        pair,
        out -> {
          Region src = lend(out, RAM, arena.allocate(8));
          RemoteRegion dst = remote(out, RAM);
          src.close();
          src.close();
          assertThatThrownBy(() -> out.put(src, 0, dst, 0, 8))
              .isInstanceOf(IllegalStateException.class);
          Io.send(out, new byte[] {9});
          out.barrier();
        },
        in -> {
          MemorySegment memory = arena.allocate(8);
          Region dst = export(in, RAM, memory);
          assertThat(Io.receive(in, 1)).containsExactly(9);
          dst.close();
          assertThatThrownBy(() -> in.get(dst, 0, 8)).isInstanceOf(IllegalStateException.class);
          in.barrier();
          assertThat(Io.copy(memory, 0, 8)).containsOnly(0);
        });
  }

  @Test
  void thePeerHasNoAccessAfterItsRegionIsClosed() throws Exception {
    assumeLive();
    Pair pair = open();
    Channel out = pair.dialled();
    Channel in = pair.accepted();
    MemorySegment target = arena.allocate(8);
    MemorySegment source = arena.allocate(8);
    Io.fill(source, 0, new byte[] {1, 1, 1, 1, 1, 1, 1, 1});
    Region dst = export(in, RAM, target);
    try (Region src = lend(out, RAM, source)) {
      RemoteRegion there = remote(out, RAM);
      dst.close();
      if (capabilities().placement() == Placement.INLINE) {
        out.put(src, 0, there, 0, 8);
        out.settle();
      } else {
        assertThatThrownBy(
                () -> {
                  out.put(src, 0, there, 0, 8);
                  out.settle();
                })
            .isInstanceOf(ChannelException.class);
      }
      assertThat(Io.copy(target, 0, 8)).containsOnly(0);
    }
  }

  @Test
  void memoryIsTheCallersAgainOnceSettled() throws Exception {
    int page = 4096;
    int pages = 64;
    byte[] all = Io.bytes(Seed.of("memoryIsTheCallersAgainOnceSettled").random(), pages * page);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          MemorySegment memory = arena.allocate(page);
          try (Region src = lend(out, RAM, memory)) {
            RemoteRegion dst = remote(out, RAM);
            for (int i = 0; i < pages; i++) {
              MemorySegment.copy(MemorySegment.ofArray(all), (long) i * page, memory, 0, page);
              out.put(src, 0, dst, (long) i * page, page);
              out.settle();
              assertThat(out.stats().outstandingPuts()).isZero();
            }
            out.barrier();
          }
        },
        in -> {
          MemorySegment memory = arena.allocate(all.length);
          try (Region dst = export(in, RAM, memory)) {
            take(in, dst, 0, all.length);
            in.barrier();
            assertThat(Io.copy(memory, 0, all.length)).isEqualTo(all);
          }
        });
  }

  @Test
  void namesAreChecked() throws Exception {
    Peer peer = open().dialled().info().peer();
    MemorySegment memory = arena.allocate(8);
    for (String bad : List.of("", "r".repeat(256), "\u00e4".repeat(128))) {
      assertThatThrownBy(() -> peer.register(bad, memory, Access.LOCAL).close())
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> peer.remote(bad, Pair.soon()))
          .isInstanceOf(IllegalArgumentException.class);
    }
    Region region = peer.register(RAM, memory, Access.LOCAL);
    assertThat(region.name()).isEqualTo(RAM);
    assertThat(region.access()).isEqualTo(Access.LOCAL);
    assertThat(region.memory()).isEqualTo(memory);
    assertThatThrownBy(() -> peer.register(RAM, memory, Access.LOCAL).close())
        .isInstanceOf(IllegalArgumentException.class);
    region.close();
    peer.register(RAM, memory, Access.REMOTE_WRITE).close();
  }

  @Test
  void aStreamKnowsEveryNameAtOnce() throws Exception {
    assumePlacement(Placement.INLINE);
    Peer peer = open().dialled().info().peer();
    assertThat(peer.remote("unheard-of", Deadline.after(Duration.ZERO)).name())
        .isEqualTo("unheard-of");
  }

  @Test
  void aNameIsWaitedForUntilThePeerRegistersIt() throws Exception {
    assumeNotPlacement(Placement.INLINE);
    Pair pair = open();
    Peer here = pair.dialled().info().peer();
    Peer there = pair.accepted().info().peer();
    assertThatThrownBy(() -> here.remote(RAM, Deadline.after(Duration.ofMillis(20))))
        .isInstanceOf(ChannelException.TimedOut.class);
    try (Region kept = there.register("private", arena.allocate(8), Access.LOCAL)) {
      assertThatThrownBy(() -> here.remote(kept.name(), Deadline.after(Duration.ofMillis(20))))
          .isInstanceOf(ChannelException.TimedOut.class);
    }
    Task<RemoteRegion> asking = Task.start("remote", () -> here.remote(RAM, Pair.soon()));
    asking.awaitBlocked();
    try (Region region = there.register(RAM, arena.allocate(8), Access.REMOTE_WRITE)) {
      assertThat(asking.result().name()).isEqualTo(region.name());
    }
  }

  @Test
  void aBarrierWaitsForThePeers() throws Exception {
    assumeNotPlacement(Placement.INLINE);
    Pair pair = open();
    Channel out = pair.dialled();
    Channel in = pair.accepted();
    Io.send(out, new byte[] {1});
    Task<Boolean> barrier = Threads.start("barrier", out::barrier);
    barrier.awaitBlocked();
    Io.receive(in, 1);
    barrier.awaitBlocked();
    in.barrier();
    assertThat(barrier.result()).isTrue();
  }

  @Test
  void aBarrierWaitsUntilThePeerHasReadAll() throws Exception {
    assumeNotPlacement(Placement.INLINE);
    Pair pair = open();
    Channel out = pair.dialled();
    Channel in = pair.accepted();
    Io.send(out, new byte[] {1});
    Task<Boolean> theirs = Threads.start("the peer's barrier", in::barrier);
    theirs.awaitBlocked();
    Task<Boolean> ours = Threads.start("our barrier", out::barrier);
    ours.awaitBlocked();
    assertThat(Io.receive(in, 1)).containsExactly(1);
    assertThat(ours.result()).isTrue();
    assertThat(theirs.result()).isTrue();
  }

  @Test
  void putBytesAreBytesOfTheStreamWhereInline() throws Exception {
    assumePlacement(Placement.INLINE);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          MemorySegment memory = arena.allocate(4);
          Io.fill(memory, 0, new byte[] {3, 4, 5, 6});
          try (Region src = lend(out, RAM, memory)) {
            Io.send(out, new byte[] {1, 2});
            out.put(src, 0, remote(out, RAM), 0, 4);
            Io.send(out, new byte[] {7, 8, 9});
          }
        },
        in -> {
          MemorySegment memory = arena.allocate(4);
          try (Region dst = export(in, RAM, memory)) {
            assertThat(Io.receive(in, 5)).containsExactly(1, 2, 3, 4, 5);
            in.get(dst, 0, 3);
            assertThat(Io.copy(memory, 0, 4)).containsExactly(6, 7, 8, 0);
            assertThat(Io.receive(in, 1)).containsExactly(9);
          }
        });
  }

  @Test
  void readingPlacedBytesIsAViolation() throws Exception {
    assumePlacement(Placement.RECORDED);
    Pair pair = open();
    Channel in = pair.accepted();
    try (Region src = lend(pair.dialled(), RAM, arena.allocate(8));
        Region dst = export(in, RAM, arena.allocate(8))) {
      pair.dialled().put(src, 0, remote(pair.dialled(), dst.name()), 0, 8);
      pair.dialled().flush();
      assertThatThrownBy(() -> in.read(ByteBuffer.allocate(8)))
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void gettingWrittenBytesIsAViolation() throws Exception {
    assumePlacement(Placement.RECORDED);
    Pair pair = open();
    Channel in = pair.accepted();
    try (Region dst = export(in, RAM, arena.allocate(8))) {
      Io.send(pair.dialled(), new byte[8]);
      assertThatThrownBy(() -> in.get(dst, 0, 8)).isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void aPeerThatEndsBeforeItPlacedAllEndedEarly() throws Exception {
    assumeNotPlacement(Placement.SILENT);
    Pair pair = open();
    transfer(
        pair,
        out -> {
          try (Region src = lend(out, RAM, arena.allocate(8))) {
            out.put(src, 0, remote(out, RAM), 0, 5);
            out.shutdownOutput();
          }
        },
        in -> {
          try (Region dst = export(in, RAM, arena.allocate(8))) {
            assertThatThrownBy(() -> in.get(dst, 0, 8))
                .isInstanceOf(ChannelException.EndedEarly.class);
          }
        });
  }

  @Test
  void severalChannelsFillOneMemory() throws Exception {
    assumeManyChannels();
    assumeLive();
    int channels = 4;
    int page = 4096;
    int pages = 256;
    byte[] all = Io.bytes(Seed.of("severalChannelsFillOneMemory").random(), pages * page);
    MemorySegment source = arena.allocate(all.length);
    MemorySegment target = arena.allocate(all.length);
    Io.fill(source, 0, all);
    try (Listener listener = transports().listen(fixture().address());
        Dialer dialer = transports().dialer(fixture().target(listener.local()))) {
      List<Channel> open = new ArrayList<>();
      try (Region src = dialer.peer().register(RAM, source, Access.LOCAL)) {
        List<Threads.Body> bodies = new ArrayList<>();
        Region dst = null;
        for (int c = 0; c < channels; c++) {
          int first = c;
          Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
          Channel out = dialer.dial(Pair.soon());
          open.add(out);
          Channel in = accepting.result();
          open.add(in);
          Region shared = region(dst, in, target);
          dst = shared;
          bodies.add(
              () -> {
                RemoteRegion there = dialer.peer().remote(RAM, Pair.soon());
                for (int p = first; p < pages; p += channels) {
                  out.write(ByteBuffer.allocate(8).putLong(0, p));
                  out.put(src, (long) p * page, there, (long) p * page, page);
                }
                out.barrier();
              });
          bodies.add(
              () -> {
                for (int p = first; p < pages; p += channels) {
                  assertThat(ByteBuffer.wrap(Io.receive(in, 8)).getLong()).isEqualTo(p);
                  take(in, shared, (long) p * page, page);
                }
                in.barrier();
              });
        }
        Threads.run(bodies.toArray(Threads.Body[]::new));
        assertThat(Io.copy(target, 0, all.length)).isEqualTo(all);
      } finally {
        for (Channel channel : open) {
          channel.close();
        }
      }
    }
  }

  /**
   * One registration a peer: where the accepted channels share theirs, the first one serves all.
   */
  private static Region region(@Nullable Region last, Channel in, MemorySegment target)
      throws ChannelException {
    try {
      return export(in, RAM, target);
    } catch (IllegalArgumentException shared) {
      if (last == null) {
        throw shared;
      }
      return last;
    }
  }
}
