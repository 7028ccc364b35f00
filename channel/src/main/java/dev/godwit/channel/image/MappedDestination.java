package dev.godwit.channel.image;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.Ending;

/** An image's memory that is filled as soon as the block table says where its pages are. */
final class MappedDestination implements RamDestination {
  private final MappedRamReader reader;
  private final RamImage memory;
  private final LaneOpener opener;
  private final Ending ending;

  MappedDestination(PositionedChannel stream, RamImage memory, LaneOpener opener, Ending ending)
      throws ChannelException {
    this.reader = new MappedRamReader(stream);
    this.memory = memory;
    this.opener = opener;
    this.ending = ending;
  }

  @Override
  public void entry(RamTable.Entry entry, StreamInput in) throws ChannelException, StreamException {
    reader.step(in, entry);
  }

  @Override
  public RamBlocks blocks(RamTable table, StreamInput in, long offset)
      throws ChannelException, StreamException {
    RamBlocks blocks = memory.blocks(table, in, offset);
    try (FileLanes lanes = new FileLanes(opener, blocks, Access.LOCAL)) {
      ending.with(lanes::abort);
      for (RamTable.Entry entry : table.blocks()) {
        RamBlock block = blocks.named(entry.name()).orElseThrow();
        reader.fill(in, lanes.all(), block, entry.mappedRam().orElseThrow());
      }
    }
    return blocks;
  }

  @Override
  public Region region(RamBlock block) {
    return memory.region(block);
  }
}
