package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the placement contract asks for, as far as QEMU's dialect has it: memory is put in rounds
 * between the same regions at both ends, and only a barrier says that it is there.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class QemuRoundsTest {
  private static final int PAGE = 4096;
  private static final String RAM = "pc.ram";

  private final Seed seed = Seed.of("QemuRoundsTest");
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void freeMemory() {
    arena.close();
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private static Region lend(QemuPair pair, String name, MemorySegment memory)
      throws ChannelException {
    return pair.sourcePeer.register(name, memory, Access.LOCAL);
  }

  private static Region export(QemuPair pair, String name, MemorySegment memory)
      throws ChannelException {
    return pair.targetPeer.register(name, memory, Access.REMOTE_WRITE);
  }

  /** To the end of a round: the destination tells that it has dealt with it by reading on. */
  private static void sourceRound(QemuPair pair) throws ChannelException {
    pair.source.barrier();
    Io.send(pair.source, new byte[] {1});
  }

  private static void targetRound(QemuPair pair) throws ChannelException {
    pair.target.barrier();
    assertThat(Io.receive(pair.target, 1)).containsExactly(1);
  }

  /** The first barrier, by which the source learns the destination's blocks. */
  private static void meet(QemuPair pair) throws Exception {
    Threads.run(() -> sourceRound(pair), () -> targetRound(pair));
  }

  /** One block at both ends, which have met. */
  private final class Block implements AutoCloseable {
    final QemuPair pair;
    final MemorySegment source;
    final MemorySegment target;
    final Region src;
    final Region dst;
    final RemoteRegion there;

    Block(boolean pinAll, MemorySegment source, MemorySegment target) throws Exception {
      this.source = source;
      this.target = target;
      pair = new QemuPair(seed, pinAll);
      src = lend(pair, RAM, source);
      dst = export(pair, RAM, target);
      meet(pair);
      there = pair.sourcePeer.remote(RAM, soon());
    }

    Block(int bytes) throws Exception {
      this(false, arena.allocate(bytes), arena.allocate(bytes));
    }

    @Override
    public void close() throws Exception {
      pair.close();
      src.close();
      dst.close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anyRoundsOfAnyBlocksArrive(boolean pinAll) throws Exception {
    Random random = seed.random(pinAll ? 1 : 0);
    int[] lengths = {
      PAGE, 1 << 20, (1 << 20) + PAGE, (5 << 20) + random.nextInt(1000), 1 + random.nextInt(PAGE)
    };
    List<Region> sources = new ArrayList<>();
    List<Region> targets = new ArrayList<>();
    try (QemuPair pair = new QemuPair(seed, pinAll)) {
      for (int i = 0; i < lengths.length; i++) {
        // A destination may know them by other names: the place in the table is what counts.
        sources.add(lend(pair, "block " + i, arena.allocate(lengths[i])));
        targets.add(export(pair, "their block " + i, arena.allocate(lengths[i])));
      }
      meet(pair);
      for (int round = 0; round < 4; round++) {
        byte[] stream = Io.bytes(random, 1 + random.nextInt(100_000));
        for (Region source : sources) {
          change(source.memory(), random);
        }
        Threads.run(
            () -> {
              Io.send(pair.source, stream);
              putAll(pair, sources, new Random(random.nextLong()));
              sourceRound(pair);
            },
            () -> {
              assertThat(Io.receive(pair.target, stream.length)).isEqualTo(stream);
              targetRound(pair);
            });
        for (int i = 0; i < lengths.length; i++) {
          assertThat(targets.get(i).memory().mismatch(sources.get(i).memory()))
              .as("first wrong byte of block %d after round %d, seed %s", i, round, seed)
              .isEqualTo(-1);
        }
      }
    }
    for (Region region : sources) {
      region.close();
    }
    for (Region region : targets) {
      region.close();
    }
  }

  private static void change(MemorySegment memory, Random random) {
    for (int i = 0; i < 3; i++) {
      long at = random.nextLong(memory.byteSize());
      Io.fill(memory, at, Io.bytes(random, (int) Math.min(9000, memory.byteSize() - at)));
    }
  }

  /** Every byte once, in pieces that are not pages. */
  private static void putAll(QemuPair pair, List<Region> sources, Random random)
      throws ChannelException {
    for (Region source : sources) {
      RemoteRegion there = pair.sourcePeer.remote(source.name(), soon());
      long size = source.memory().byteSize();
      for (long at = 0; at < size; ) {
        long part = Math.min(size - at, 1 + random.nextInt(300_000));
        pair.source.put(source, at, there, at, part);
        at += part;
        if (random.nextInt(10) == 0) {
          pair.source.settle();
        }
      }
    }
  }

  @Test
  void offsetsBeyondFourGigabytesAreKept(@TempDir Path scratch) throws Exception {
    long size = (4L << 30) + (1 << 20);
    long[] offsets = {0, (1L << 31) - 3000, (1L << 32) - 3000, size - 6000};
    byte[] bytes = Io.bytes(seed.random(), 6000);
    try (Block block =
        new Block(false, sparse(scratch, "source", size), sparse(scratch, "target", size))) {
      Threads.run(
          () -> {
            for (long offset : offsets) {
              Io.fill(block.source, offset, bytes);
              block.pair.source.put(block.src, offset, block.there, offset, bytes.length);
            }
            sourceRound(block.pair);
          },
          () -> targetRound(block.pair));
      for (long offset : offsets) {
        assertThat(Io.copy(block.target, offset, bytes.length)).isEqualTo(bytes);
      }
    }
  }

  /** Memory of which only the touched pages exist. */
  private MemorySegment sparse(Path scratch, String name, long size) throws IOException {
    try (FileChannel file =
        FileChannel.open(
            scratch.resolve(name),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      return file.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
    }
  }

  @Test
  void memoryIsTheCallersAgainOnceSettled() throws Exception {
    int pages = 32;
    byte[] all = Io.bytes(seed.random(), pages * PAGE);
    try (Block block = new Block(all.length)) {
      Threads.run(
          () -> {
            for (int i = 0; i < pages; i++) {
              MemorySegment.copy(
                  MemorySegment.ofArray(all), (long) i * PAGE, block.source, 0, PAGE);
              block.pair.source.put(block.src, 0, block.there, (long) i * PAGE, PAGE);
              block.pair.source.settle();
              assertThat(block.pair.source.stats().outstandingPuts()).isZero();
            }
            sourceRound(block.pair);
          },
          () -> targetRound(block.pair));
      assertThat(Io.copy(block.target, 0, all.length)).isEqualTo(all);
    }
  }

  @Test
  void badOffsetsTouchNothing() throws Exception {
    long max = Long.MAX_VALUE;
    long[][] bad = {
      {-1, 1}, {0, -1}, {0, 101}, {100, 1}, {101, 0}, {-1, 0}, {max, 1}, {1, max}, {max, max}
    };
    try (Block block = new Block(100)) {
      Channel out = block.pair.source;
      for (long[] range : bad) {
        assertThatThrownBy(() -> out.put(block.src, range[0], block.there, 0, range[1]))
            .as("%d+%d", range[0], range[1])
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> out.put(block.src, 0, block.there, range[0], range[1]))
            .as("%d+%d", range[0], range[1])
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
      assertThat(out.stats().bytesPut()).isZero();
      meet(block.pair);
      assertThat(Io.copy(block.target, 0, 100)).containsOnly(0);
    }
  }

  @Test
  void aPutOfNothingIsNothing() throws Exception {
    try (Block block = new Block(8)) {
      block.pair.source.put(block.src, 8, block.there, 8, 0);
      meet(block.pair);
      assertThat(block.pair.targetPeer.statistics().bytes()).isZero();
    }
  }

  @Test
  void aClosedRegionIsRefusedAndUntouched() throws Exception {
    try (Block block = new Block(PAGE)) {
      block.src.close();
      assertThatThrownBy(() -> block.pair.source.put(block.src, 0, block.there, 0, PAGE))
          .isInstanceOf(IllegalStateException.class);
      meet(block.pair);
    }
  }

  @Test
  void thePeerHasNoAccessAfterItsRegionIsClosed() throws Exception {
    try (Block block = new Block(PAGE)) {
      block.source.fill((byte) 1);
      Task<Boolean> round = Threads.start("round", block.pair.target::barrier);
      block.pair.source.put(block.src, 0, block.there, 0, PAGE);
      block.pair.source.settle();
      block.dst.close();
      block.target.fill((byte) 0);
      assertThatThrownBy(
              () -> {
                block.pair.source.put(block.src, 0, block.there, 0, PAGE);
                block.pair.source.settle();
              })
          .isInstanceOf(ChannelException.class);
      assertThat(round.failure()).isInstanceOf(ChannelException.class);
      assertThat(Io.copy(block.target, 0, PAGE)).containsOnly(0);
    }
  }

  @Test
  void nothingIsThereToGet() throws Exception {
    try (Block block = new Block(PAGE)) {
      assertThatThrownBy(() -> block.pair.target.get(block.dst, 0, 1))
          .isInstanceOf(ChannelException.Unsupported.class)
          .hasMessageContaining("a barrier says that it is there");
    }
  }

  @Test
  void aNameIsWaitedForUntilTheFirstRound() throws Exception {
    try (QemuPair pair = new QemuPair(seed, false);
        Region src = lend(pair, RAM, arena.allocate(8));
        Region dst = export(pair, RAM, arena.allocate(8))) {
      Task<RemoteRegion> asking = Task.start("remote", () -> pair.sourcePeer.remote(RAM, soon()));
      asking.awaitBlocked();
      meet(pair);
      assertThat(asking.result().name()).isEqualTo(src.name()).isEqualTo(dst.name());
    }
  }

  @Test
  void aBarrierWaitsForThePeersAndUntilAllIsRead() throws Exception {
    try (QemuPair pair = new QemuPair(seed, false)) {
      Io.send(pair.source, new byte[] {1});
      Task<Boolean> barrier = Threads.start("barrier", pair.source::barrier);
      barrier.awaitBlocked();
      assertThat(Io.receive(pair.target, 1)).containsExactly(1);
      barrier.awaitBlocked();
      Task<Boolean> theirs = Threads.start("the peer's barrier", pair.target::barrier);
      assertThat(theirs.result()).isTrue();
      barrier.awaitBlocked();
      Task<Integer> reading = Task.start("read", () -> pair.target.read(ByteBuffer.allocate(1)));
      assertThat(barrier.result()).isTrue();
      pair.source.close();
      assertThat(reading.result()).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void abortEndsABlockedPut(boolean virtual) throws Exception {
    Exception reason = new Exception("The reason this test aborts for");
    try (Block block = new Block(PAGE)) {
      // No round is on at the other end, so that no key comes.
      Task<Boolean> putting =
          virtual
              ? Task.startVirtual("put", () -> put(block))
              : Task.start("put", () -> put(block));
      putting.awaitBlocked();
      block.pair.source.abort(reason);
      assertThat(putting.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    }
  }

  private static boolean put(Block block) throws ChannelException {
    block.pair.source.put(block.src, 0, block.there, 0, PAGE);
    block.pair.source.settle();
    return true;
  }

  @Test
  void nothingIsLeftAfterRounds(@TempDir Path scratch) throws Exception {
    for (int i = 0; i < 3; i++) {
      round();
    }
    Leaks leaks = Leaks.baseline(scratch);
    for (int i = 0; i < 20; i++) {
      round();
    }
    leaks.awaitNone();
  }

  private void round() throws Exception {
    try (Block block = new Block(3 << 20)) {
      // Zeros would need no registration.
      block.src.memory().fill((byte) 1);
      Threads.run(
          () -> {
            block.pair.source.put(block.src, 0, block.there, 0, 3 << 20);
            sourceRound(block.pair);
          },
          () -> targetRound(block.pair));
      assertThat(block.pair.targetPeer.statistics().bytes()).isEqualTo(3 << 20);
      block.pair.close();
      assertThat(block.pair.targetPeer.statistics().bytes()).isZero();
      assertThat(block.pair.sourcePeer.statistics().bytes()).isZero();
    }
  }
}
