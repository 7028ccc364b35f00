package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** The names of RAM blocks as bytes, so that a page's block is found without making a string. */
final class BlockNames {
  private static final int MAX_NAME_BYTES = 255;

  private final byte[][] names;

  /** Numbers of blocks by their name's hash, -1 where there is none; a power of two, half empty. */
  private final int[] slots;

  private final byte[] scratch = new byte[MAX_NAME_BYTES];
  private final ByteBuffer scratchBuffer = ByteBuffer.wrap(scratch);
  private final ByteBuffer[] written;

  BlockNames(RamBlocks blocks) {
    this(blocks.all().stream().map(RamBlock::name).toList());
  }

  /**
   * @param all names of 1 to 255 bytes, none twice
   */
  BlockNames(List<String> all) {
    names = new byte[all.size()][];
    written = new ByteBuffer[all.size()];
    slots = new int[Integer.highestOneBit(Math.max(1, all.size())) * 4];
    Arrays.fill(slots, -1);
    for (int block = 0; block < names.length; block++) {
      byte[] name = all.get(block).getBytes(StandardCharsets.ISO_8859_1);
      names[block] = name;
      written[block] =
          ByteBuffer.allocate(1 + name.length).put((byte) name.length).put(name).flip();
      int slot = slot(name, name.length);
      while (slots[slot] >= 0) {
        slot = (slot + 1) & (slots.length - 1);
      }
      slots[slot] = block;
    }
  }

  /**
   * Reads a name, and finds its block.
   *
   * @return the block's number in the list
   */
  int read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int length = in.u8();
    if (length == 0) {
      throw in.malformed(start, "The name of a RAM block is empty");
    }
    in.bytes(scratchBuffer.clear().limit(length));
    for (int slot = slot(scratch, length);
        slots[slot] >= 0;
        slot = (slot + 1) & (slots.length - 1)) {
      byte[] name = names[slots[slot]];
      if (Arrays.equals(name, 0, name.length, scratch, 0, length)) {
        return slots[slot];
      }
    }
    throw in.mismatched(
        start,
        "A page belongs to RAM block "
            + new String(scratch, 0, length, StandardCharsets.ISO_8859_1)
            + ", which is not in the table");
  }

  /** Writes the name of a block, after its length. */
  void write(StreamOutput out, int block) throws ChannelException {
    out.bytes(written[block].rewind());
  }

  private int slot(byte[] name, int length) {
    int hash = 0;
    for (int i = 0; i < length; i++) {
      hash = 31 * hash + name[i];
    }
    return (hash ^ (hash >>> 16)) & (slots.length - 1);
  }
}
