package dev.godwit.channel.image;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.PositionedChannel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The least of a stream that has blocks in it: for each a name, a length and a mapped-ram header,
 * and a mark after all of them.
 */
final class Image {
  static final int PAGE_BYTES = 4096;
  static final long MARK = 0x10;

  private Image() {}

  /** What is written between the blocks' places and the end. */
  @FunctionalInterface
  interface Passes {
    void write(MappedRamWriter writer) throws ChannelException;
  }

  static RamBlocks blocks(Arena arena, long... pages) {
    List<RamBlock> blocks = new ArrayList<>();
    for (int i = 0; i < pages.length; i++) {
      MemorySegment memory = arena.allocate(pages[i] * PAGE_BYTES, PAGE_BYTES);
      blocks.add(new RamBlock("block" + i, memory, PAGE_BYTES));
    }
    return new RamBlocks(blocks);
  }

  static List<ImageLane> lanes(MemoryFile file, RamBlocks blocks, int count)
      throws ChannelException {
    List<ImageLane> lanes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      PositionedChannel channel = file.open(0);
      lanes.add(
          new ImageLane(channel, new RamRegions(blocks, channel.info().peer(), Access.LOCAL)));
    }
    return lanes;
  }

  static void write(MemoryFile file, long from, RamBlocks blocks, int lanes, Passes passes)
      throws ChannelException {
    PositionedChannel stream = file.open(from);
    try (StreamOutput out = new StreamOutput(stream);
        MappedRamWriter writer =
            new MappedRamWriter(stream, lanes(file, blocks, lanes), PAGE_BYTES)) {
      for (RamBlock block : blocks.all()) {
        out.name(block.name());
        out.u64(block.lengthBytes());
        writer.place(out, block, Deadline.after(Duration.ofSeconds(5)));
      }
      passes.write(writer);
      writer.finish(out);
      out.u64(MARK);
      out.flush();
    }
  }

  /** Fills {@code blocks} and returns how many pages the file had. */
  static long read(MemoryFile file, long from, RamBlocks blocks, int lanes)
      throws ChannelException, StreamException {
    PositionedChannel stream = file.open(from);
    long pages = 0;
    try (StreamInput in = new StreamInput(stream, "main")) {
      MappedRamReader reader = new MappedRamReader(stream);
      List<ImageLane> ways = lanes(file, blocks, lanes);
      for (RamBlock block : blocks.all()) {
        String name = in.name("block");
        long length = in.u64();
        if (!name.equals(block.name()) || length != block.lengthBytes()) {
          throw in.malformed(0, "Another block");
        }
        MappedRamHeader header = MappedRamHeader.read(in, PAGE_BYTES, length);
        reader.step(
            in,
            new RamTable.Entry(
                name, length, OptionalLong.empty(), OptionalLong.empty(), Optional.of(header)));
        pages += reader.fill(in, ways, block, header);
      }
      if (in.u64() != MARK) {
        throw in.malformed(in.offset(), "No mark");
      }
      return pages;
    }
  }
}
