package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.ZeroPages;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Where the pages of one channel's packets go: from the channel, or out of its decompressor,
 * straight into the memory of a RAM block. Its channel's thread uses it.
 */
final class PageTarget implements AutoCloseable {
  /** As much of a block as one buffer shows a decompressor; whole pages, within an int. */
  private static final int WINDOW_SHIFT = 30;

  private static final byte[] NOWHERE = {};

  private final MultifdCompression compression;
  private final PageUnits units;
  private final RamBlocks blocks;
  private final RamRegions regions;
  private final StreamInput in;
  private final @Nullable PageDecompressor decompressor;
  private final ByteBuffer payload;

  private byte[] paddedName = NOWHERE;
  private @Nullable Region region;
  private MemorySegment memory = MemorySegment.NULL;
  private long lengthBytes;
  private int unitBytes;
  private long windowIndex = -1;
  private ByteBuffer window = ByteBuffer.allocate(0);

  /**
   * @param arena of the channel's thread
   */
  PageTarget(MultifdReceiver receiver, StreamInput in, Arena arena) {
    this.compression = receiver.settings().compression();
    this.units = receiver.settings().units();
    this.blocks = receiver.blocks();
    this.regions = receiver.regions();
    this.in = in;
    boolean plain = compression == MultifdCompression.NONE;
    this.decompressor = plain ? null : compression.decompressor();
    this.payload = arena.allocate(plain ? 0 : MultifdPacket.MAX_PAYLOAD_BYTES).asByteBuffer();
  }

  /**
   * Puts all pages of a packet in their places; its payload is taken from the input.
   *
   * @param start offset in the stream of the packet's first byte, for messages
   */
  void take(MultifdPacket packet, long start) throws ChannelException, StreamException {
    if (!packet.isOf(paddedName)) {
      locate(packet, start);
    }
    Region to = region;
    if (to == null) {
      throw new IllegalStateException("No RAM block was located");
    }
    checkOffsets(packet, start);
    if (packet.normalPages() > 0) {
      checkCompression(packet, start);
    }
    if (units.whole()) {
      packet.requireFits(in, start, unitBytes);
    }
    if (packet.normalPages() > 0) {
      if (decompressor == null) {
        takePlain(packet, to);
      } else {
        takeCompressed(packet, decompressor);
      }
    }
    int pages = packet.normalPages() + packet.zeroPages();
    for (int i = packet.normalPages(); i < pages; i++) {
      ZeroPages.clear(memory, packet.offset(i), unitBytes);
    }
  }

  private void locate(MultifdPacket packet, long start) throws StreamException {
    String name = packet.blockName();
    Optional<RamBlock> block = blocks.named(name);
    if (block.isEmpty()) {
      throw in.mismatched(
          start + MultifdPacket.NAME_AT, "There is no RAM block " + name + " on this side");
    }
    region = regions.local(block.get());
    memory = block.get().memory();
    lengthBytes = block.get().lengthBytes();
    unitBytes = units.of(block.get());
    windowIndex = -1;
    paddedName = packet.copyOfName();
  }

  private void checkOffsets(MultifdPacket packet, long start) throws StreamException {
    int pages = packet.normalPages() + packet.zeroPages();
    for (int i = 0; i < pages; i++) {
      long offset = packet.offset(i);
      if (offset < 0 || offset > lengthBytes - unitBytes || (offset & (unitBytes - 1)) != 0) {
        throw in.malformed(
            start + MultifdPacket.offsetAt(i),
            "There is no page at 0x"
                + Long.toHexString(offset)
                + " of RAM block "
                + packet.blockName()
                + ", which has "
                + lengthBytes
                + " bytes");
      }
    }
  }

  private void checkCompression(MultifdPacket packet, long start) throws StreamException {
    if (packet.compressionBits() != compression.bits()) {
      throw in.mismatched(
          start + 8,
          "A packet's compression is "
              + MultifdCompression.describe(packet.compressionBits())
              + " where this side is set to "
              + compression);
    }
  }

  private void takePlain(MultifdPacket packet, Region to) throws ChannelException, StreamException {
    for (int i = 0; i < packet.normalPages(); ) {
      int run = packet.run(i, unitBytes);
      in.get(to, packet.offset(i), (long) run * unitBytes);
      i += run;
    }
  }

  private void takeCompressed(MultifdPacket packet, PageDecompressor from)
      throws ChannelException, StreamException {
    long start = in.offset();
    in.bytes(payload.clear().limit(packet.payloadBytes()));
    try {
      from.begin(payload.flip());
      for (int i = 0; i < packet.normalPages(); ) {
        int run = packet.run(i, unitBytes);
        fill(from, packet.offset(i), (long) run * unitBytes);
        i += run;
      }
      from.end();
    } catch (DataFormatException e) {
      throw in.malformed(start, String.valueOf(e.getMessage()));
    }
  }

  private void fill(PageDecompressor from, long offset, long length) throws DataFormatException {
    for (long done = 0; done < length; ) {
      long at = offset + done;
      show(at >>> WINDOW_SHIFT);
      int begin = (int) (at - (windowIndex << WINDOW_SHIFT));
      int part = (int) Math.min(length - done, window.capacity() - begin);
      from.fill(window.limit(begin + part).position(begin));
      done += part;
    }
  }

  private void show(long index) {
    if (index != windowIndex) {
      long begin = index << WINDOW_SHIFT;
      long length = Math.min(lengthBytes - begin, 1L << WINDOW_SHIFT);
      window = memory.asSlice(begin, length).asByteBuffer();
      windowIndex = index;
    }
  }

  @Override
  public void close() {
    if (decompressor != null) {
      decompressor.close();
    }
  }
}
