package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.BlockChunk;
import dev.godwit.channel.stream.DirtyBitmapChunk;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Counts what moves of disks, and of their dirty bitmaps, beside memory (qemu-wire.md §3.10). */
final class DiskTally {
  /** What is beyond this was made to exhaust memory. */
  private static final int MAX_NAMES = 4096;

  private record Key(String section, String disk, String bitmap) {}

  private final Map<Key, DiskReport> all = new LinkedHashMap<>();

  /** A chunk may leave out a name that is as it was. */
  private String node = "";

  private String bitmap = "";

  List<DiskReport> report() {
    return List.copyOf(all.values());
  }

  /** Reads the body of a {@code dirty-bitmap} section. */
  void readDirtyBitmaps(StreamInput in) throws ChannelException, StreamException {
    DirtyBitmapChunk chunk;
    do {
      long start = in.offset();
      chunk = DirtyBitmapChunk.read(in);
      node = chunk.node().isEmpty() ? node : chunk.node();
      bitmap = chunk.bitmap().isEmpty() ? bitmap : chunk.bitmap();
      in.skip(chunk.dataBytes());
      if ((chunk.flags() & DirtyBitmapChunk.BITS) != 0) {
        boolean zero = (chunk.flags() & DirtyBitmapChunk.ZEROES) != 0;
        add(in, start, new Key(DirtyBitmapChunk.SECTION, node, bitmap), zero, chunk.dataBytes());
      }
    } while (!chunk.isLast());
  }

  /** Reads the body of a {@code block} section. */
  void readBlocks(StreamInput in) throws ChannelException, StreamException {
    BlockChunk chunk;
    do {
      long start = in.offset();
      chunk = BlockChunk.read(in);
      in.skip(chunk.dataBytes());
      if ((chunk.flags() & BlockChunk.DEVICE_BLOCK) != 0) {
        boolean zero = (chunk.flags() & BlockChunk.ZERO_BLOCK) != 0;
        add(in, start, new Key(BlockChunk.SECTION, chunk.device(), ""), zero, chunk.dataBytes());
      }
    } while (!chunk.isLast());
  }

  private void add(StreamInput in, long start, Key key, boolean zero, long dataBytes)
      throws StreamException {
    if (all.size() >= MAX_NAMES && !all.containsKey(key)) {
      throw in.unsupported(start, "There are more than " + MAX_NAMES + " disks and bitmaps");
    }
    DiskReport one = new DiskReport(key.section, key.disk, key.bitmap, 1, zero ? 1 : 0, dataBytes);
    all.merge(
        key,
        one,
        (before, now) ->
            new DiskReport(
                key.section,
                key.disk,
                key.bitmap,
                before.chunks() + now.chunks(),
                before.zeroChunks() + now.zeroChunks(),
                before.dataBytes() + now.dataBytes()));
  }
}
