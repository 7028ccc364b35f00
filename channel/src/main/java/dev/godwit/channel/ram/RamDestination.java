package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;

/** Where a migration's memory goes. */
public interface RamDestination {

  /**
   * An entry of the table has been read, and {@code in} stands at what follows it: where pages lie
   * between the entries, this moves on to behind them.
   */
  default void entry(RamTable.Entry entry, StreamInput in)
      throws ChannelException, StreamException {}

  /**
   * The memory for the blocks of {@code table}; called once, before any page. Who calls it checks
   * that each block is there and as long as the table says.
   *
   * @param in to make an exception that says where
   * @param offset of the table
   */
  RamBlocks blocks(RamTable table, StreamInput in, long offset)
      throws ChannelException, StreamException;

  /** The block's registration; asked for only where records announce placed pages. */
  Region region(RamBlock block);

  /** Memory that is there before the stream is, for channels that place nothing by records. */
  static RamDestination of(RamBlocks blocks) {
    return new RamDestination() {
      @Override
      public RamBlocks blocks(RamTable table, StreamInput in, long offset) {
        return blocks;
      }

      @Override
      public Region region(RamBlock block) {
        throw new IllegalStateException(block + " is registered with nobody");
      }
    };
  }

  /** Memory that is there before the stream is, registered for channels that place. */
  static RamDestination of(RamBlocks blocks, RamRegions regions) {
    return new RamDestination() {
      @Override
      public RamBlocks blocks(RamTable table, StreamInput in, long offset) {
        return blocks;
      }

      @Override
      public Region region(RamBlock block) {
        return regions.local(block);
      }
    };
  }
}
