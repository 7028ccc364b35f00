package dev.godwit.channel.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.testkit.Seed;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class MappedRamTest {
  private static final int MIB = 1 << 20;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  /** The layout of qemu-wire.md §6 written out by hand. */
  @Test
  void layersTheFileAsQemuDoes() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 3, 70);
    page(blocks.all().get(0), 1).fill((byte) 0xAB);
    page(blocks.all().get(1), 69).fill((byte) 0xCD);
    MemoryFile file = new MemoryFile(8 * MIB);

    Image.write(file, 0x1000, blocks, 1, writer -> writeAll(writer, blocks));

    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(expected);
    pad(out, 0x1000);
    entry(out, "block0", 3 * 4096, 0x1000 + 15 + 28, MIB);
    out.write(new byte[] {2, 0, 0, 0, 0, 0, 0, 0});
    pad(out, MIB + 4096);
    pad(out, (byte) 0xAB, MIB + 2 * 4096);
    pad(out, MIB + 3 * 4096);
    entry(out, "block1", 70 * 4096, MIB + 3 * 4096 + 15 + 28, 2 * MIB);
    out.write(new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 1 << 5, 0, 0, 0, 0, 0, 0, 0});
    pad(out, 2 * MIB + 69 * 4096);
    pad(out, (byte) 0xCD, 2 * MIB + 70 * 4096);
    out.writeLong(Image.MARK);
    assertThat(Arrays.mismatch(file.content(), expected.toByteArray())).isEqualTo(-1);
  }

  private static void entry(DataOutputStream out, String name, long length, long bitmap, long pages)
      throws IOException {
    out.writeByte(name.length());
    out.write(name.getBytes(StandardCharsets.US_ASCII));
    out.writeLong(length);
    out.writeInt(1);
    out.writeLong(4096);
    out.writeLong(bitmap);
    out.writeLong(pages);
  }

  private static void pad(DataOutputStream out, int to) throws IOException {
    pad(out, (byte) 0, to);
  }

  private static void pad(DataOutputStream out, byte with, int to) throws IOException {
    byte[] bytes = new byte[to - out.size()];
    Arrays.fill(bytes, with);
    out.write(bytes);
  }

  @Test
  void givesBackWhatSeveralPassesWrote() throws Exception {
    Seed seed = Seed.of("MappedRamTest.givesBackWhatSeveralPassesWrote");
    for (int round = 0; round < 10; round++) {
      try (Arena ofRound = Arena.ofShared()) {
        givesBack(ofRound, seed.random(round), "seed " + seed + ", round " + round);
      }
    }
  }

  private static void givesBack(Arena arena, Random random, String where) throws Exception {
    RamBlocks source = Image.blocks(arena, 1 + random.nextInt(5), 3000 + random.nextInt(7000), 65);
    MemoryFile file = new MemoryFile(48 * MIB);
    long from = random.nextInt(3) * 0x1234L;
    int passes = 1 + random.nextInt(3);

    Image.write(
        file,
        from,
        source,
        1 + random.nextInt(4),
        writer -> {
          for (int pass = 0; pass < passes; pass++) {
            change(random, source);
            writeAll(writer, source);
          }
        });

    RamBlocks there =
        Image.blocks(arena, source.all().stream().mapToLong(RamBlock::pages).toArray());
    there.all().forEach(block -> block.memory().fill((byte) 0x5A));
    long pages = Image.read(file, from, there, 1 + random.nextInt(4));
    assertThat(pages).isEqualTo(source.all().stream().mapToLong(MappedRamTest::used).sum());
    for (RamBlock block : source.all()) {
      assertThat(there.named(block.name()).orElseThrow().memory().mismatch(block.memory()))
          .as("%s, %s", block, where)
          .isEqualTo(-1);
    }
  }

  /** Some pages get other bytes, some become zero; in runs, as guests do. */
  private static void change(Random random, RamBlocks blocks) {
    for (RamBlock block : blocks.all()) {
      for (long page = 0; page < block.pages(); ) {
        long end = Math.min(block.pages(), page + 1 + random.nextInt(1 << random.nextInt(10)));
        int kind = random.nextInt(3);
        for (; page < end; page++) {
          if (kind == 0) {
            page(block, page).fill((byte) 0);
          } else if (kind == 1) {
            page(block, page).set(ValueLayout.JAVA_BYTE, random.nextInt(4096), (byte) 1);
          }
        }
      }
    }
  }

  @Test
  void leavesPagesOfZeroesOutOfTheFileAndTakesRunsInOnePiece() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 1024);
    RamBlock block = blocks.all().getFirst();
    for (long i = 100; i < 200; i++) {
      page(block, i).fill((byte) i);
    }
    MemoryFile file = new MemoryFile(8 * MIB);

    Image.write(file, 0, blocks, 1, writer -> writeAll(writer, blocks));

    assertThat(file.placements()).isEqualTo(1);
    for (int i = 0; i < 1024; i++) {
      assertThat(file.wasWritten(MIB + i * 4096L)).as("page %s", i).isEqualTo(i >= 100 && i < 200);
    }
    long before = file.placements();
    Image.read(file, 0, Image.blocks(arena, 1024), 1);
    assertThat(file.placements() - before).isEqualTo(1);
  }

  /** What a page held before it became zero stays in the file and must not come back. */
  @Test
  void readsNoPageWhoseBitIsNotSet() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 10);
    RamBlock block = blocks.all().getFirst();
    block.memory().fill((byte) 7);
    MemoryFile file = new MemoryFile(4 * MIB);

    Image.write(
        file,
        0,
        blocks,
        1,
        writer -> {
          writer.write(block);
          page(block, 4).fill((byte) 0);
          writer.write(0, block, 4 * 4096, 4096);
        });

    assertThat(file.content()[MIB + 4 * 4096]).as("stale").isEqualTo((byte) 7);
    RamBlocks there = Image.blocks(arena, 10);
    assertThat(Image.read(file, 0, there, 1)).isEqualTo(9);
    assertThat(there.all().getFirst().memory().mismatch(block.memory())).isEqualTo(-1);
  }

  @Test
  void aFileThatWasNotFinishedHasNoPagesAndNoEnd() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 10);
    RamBlock block = blocks.all().getFirst();
    block.memory().fill((byte) 7);
    MemoryFile file = new MemoryFile(4 * MIB);
    PositionedChannel stream = file.open(0);
    try (StreamOutput out = new StreamOutput(stream);
        MappedRamWriter writer =
            new MappedRamWriter(stream, Image.lanes(file, blocks, 1), Image.PAGE_BYTES)) {
      out.name(block.name());
      out.u64(block.lengthBytes());
      writer.place(out, block, Deadline.after(Duration.ofSeconds(5)));
      writer.write(block);
    }

    RamBlocks there = Image.blocks(arena, 10);
    assertThatThrownBy(() -> Image.read(file, 0, there, 1))
        .hasMessageContaining("The stream ends")
        .hasMessageContaining("byte " + (MIB + 10 * 4096));
    assertThat(there.all().getFirst().memory().mismatch(arena.allocate(10 * 4096))).isEqualTo(-1);
  }

  @Test
  void aLaneThatBreaksEndsTheWriting() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 20_000);
    RamBlock block = blocks.all().getFirst();
    block.memory().fill((byte) 7);
    MemoryFile file = new MemoryFile(100 * MIB);
    PositionedChannel stream = file.open(0);
    List<ImageLane> lanes = Image.lanes(file, blocks, 3);
    try (StreamOutput out = new StreamOutput(stream);
        MappedRamWriter writer = new MappedRamWriter(stream, lanes, Image.PAGE_BYTES)) {
      writer.place(out, block, Deadline.after(Duration.ofSeconds(5)));
      IllegalStateException cause = new IllegalStateException("The disk is gone");
      lanes.forEach(lane -> lane.channel().abort(cause));

      assertThatThrownBy(() -> writer.write(block))
          .isInstanceOf(ChannelException.Aborted.class)
          .hasCause(cause);
    }
  }

  @Test
  void refusesWhatIsNoPageAndWhatHasNoPlace() throws Exception {
    RamBlocks blocks = Image.blocks(arena, 10);
    RamBlock block = blocks.all().getFirst();
    MemoryFile file = new MemoryFile(4 * MIB);
    PositionedChannel stream = file.open(0);
    try (StreamOutput out = new StreamOutput(stream);
        MappedRamWriter writer =
            new MappedRamWriter(stream, Image.lanes(file, blocks, 1), Image.PAGE_BYTES)) {
      assertThatThrownBy(() -> writer.write(block)).isInstanceOf(IllegalStateException.class);
      writer.place(out, block, Deadline.after(Duration.ofSeconds(5)));
      assertThatThrownBy(() -> writer.write(0, block, 1, 4096))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> writer.write(0, block, 0, 4097))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> new MappedRamWriter(stream, List.of(), Image.PAGE_BYTES))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** Every other page is zero, so that each of the others is a run of its own. */
  @Test
  void allocatesNothingForAPage() throws Exception {
    int pages = 16_384;
    RamBlocks blocks = Image.blocks(arena, pages);
    RamBlock block = blocks.all().getFirst();
    for (long page = 0; page < pages; page += 2) {
      page(block, page).fill((byte) 9);
    }
    MemoryFile file = new MemoryFile(66 * MIB);
    PositionedChannel stream = file.open(0);
    PositionedChannel lane = file.open(0);
    RamRegions regions = new RamRegions(blocks, lane.info().peer(), Access.LOCAL);
    try (StreamOutput out = new StreamOutput(stream);
        MappedRamWriter writer =
            new MappedRamWriter(stream, List.of(new ImageLane(lane, regions)), Image.PAGE_BYTES)) {
      writer.place(out, block, Deadline.after(Duration.ofSeconds(5)));
      for (int warmUp = 0; warmUp < 5; warmUp++) {
        writer.write(0, block, 0, block.lengthBytes());
      }
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long before = threads.getCurrentThreadAllocatedBytes();
      writer.write(0, block, 0, block.lengthBytes());
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertThat(allocated).as("bytes for %s pages", pages).isLessThan(pages);
    }
  }

  private static void writeAll(MappedRamWriter writer, RamBlocks blocks) throws ChannelException {
    for (RamBlock block : blocks.all()) {
      writer.write(block);
    }
  }

  private static long used(RamBlock block) {
    MemorySegment zero = MemorySegment.ofArray(new byte[4096]);
    long used = 0;
    for (long page = 0; page < block.pages(); page++) {
      used += page(block, page).mismatch(zero) < 0 ? 0 : 1;
    }
    return used;
  }

  private static MemorySegment page(RamBlock block, long page) {
    return block.memory().asSlice(page * 4096, 4096);
  }
}
