package dev.godwit.channel.image;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.ZeroPages;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PositionedChannel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Fills RAM blocks from a mapped-ram file (qemu-wire.md §6): {@link #step} behind each entry of the
 * block table as it is read, and {@link #fill} each block then, over all lanes at once.
 *
 * <p>A page whose bit is not set is zero, whatever stands at its place in the file. What is read is
 * as the file says, and a guest only once the stream has been read to its end: an image whose
 * writing was broken off has no pages and no end.
 */
public final class MappedRamReader {
  /** Of one read from the file: the longest bitmap that comes in one is that of 256 GiB. */
  private static final int BITMAP_PART_BYTES = 8 << 20;

  private final PositionedChannel stream;
  private final long start;

  /**
   * @param stream read from its start on and not moved so far; it stays the caller's
   */
  public MappedRamReader(PositionedChannel stream) throws ChannelException {
    this.stream = stream;
    this.start = stream.position() - stream.stats().bytesRead();
  }

  /**
   * Moves the stream on from an entry of the table to behind the pages of its block.
   *
   * @param in the stream's input, which has just read {@code entry}
   * @throws StreamException {@code MALFORMED} if bitmap and pages cannot be where the entry says
   */
  public void step(StreamInput in, RamTable.Entry entry) throws ChannelException, StreamException {
    MappedRamHeader header = entry.mappedRam().orElseThrow();
    requirePlaces(in, entry, header);
    long next = header.pagesOffset() + entry.lengthBytes();
    stream.position(next);
    in.moved(next - start);
  }

  /**
   * Fills {@code block}, all of it.
   *
   * @param in names the channel where something is wrong
   * @param ways at least one; they stay the caller's, and nobody else uses them meanwhile
   * @param block as long as its entry said
   * @param header which {@link #step} has let pass
   * @return how many pages the file has; the others are zero
   * @throws StreamException {@code TRUNCATED} if the file ends before the block's pages
   */
  public long fill(StreamInput in, List<ImageLane> ways, RamBlock block, MappedRamHeader header)
      throws ChannelException, StreamException {
    Lanes lanes = new Lanes(ways);
    try (Arena arena = Arena.ofShared()) {
      PageBitmap bitmap = new PageBitmap(arena, block.lengthBytes() / header.pageBytes());
      readBitmap(in, lanes.get(0), block, header, bitmap);
      lanes.share(
          block.lengthBytes(),
          (lane, offset, length) ->
              fill(in, lanes.get(lane), block, header, bitmap, offset, length));
      return count(bitmap);
    }
  }

  /** Nothing may lie before the stream, and the next entry behind all; so nothing overlaps. */
  private void requirePlaces(StreamInput in, RamTable.Entry block, MappedRamHeader header)
      throws StreamException {
    long at = in.offset() - MappedRamHeader.BYTES;
    long bitmapBytes = PageBitmap.bytes(block.lengthBytes() / header.pageBytes());
    if (header.bitmapOffset() < start + in.offset()
        || header.bitmapOffset() > Long.MAX_VALUE - bitmapBytes) {
      throw in.malformed(
          at + 12,
          "The page bitmap of %s cannot be at offset %s of the file, where the stream is at %d"
              .formatted(
                  block.name(), Long.toUnsignedString(header.bitmapOffset()), start + in.offset()));
    }
    long bitmapEnd = header.bitmapOffset() + bitmapBytes;
    if (header.pagesOffset() < bitmapEnd
        || header.pagesOffset() > Long.MAX_VALUE - block.lengthBytes()
        || header.pagesOffset() % header.pageBytes() != 0) {
      throw in.malformed(
          at + 20,
          "The pages of %s cannot be at offset %s of the file, where their bitmap ends at %d"
              .formatted(block.name(), Long.toUnsignedString(header.pagesOffset()), bitmapEnd));
    }
  }

  private void readBitmap(
      StreamInput in, ImageLane way, RamBlock block, MappedRamHeader header, PageBitmap bitmap)
      throws ChannelException, StreamException {
    PositionedChannel channel = way.channel();
    channel.position(header.bitmapOffset());
    long bytes = bitmap.memory().byteSize();
    for (long done = 0; done < bytes; ) {
      ByteBuffer part =
          bitmap.memory().asSlice(done, Math.min(BITMAP_PART_BYTES, bytes - done)).asByteBuffer();
      while (part.hasRemaining()) {
        if (channel.read(part) < 0) {
          throw truncated(
              in,
              header.bitmapOffset() + done,
              "The file ends in the page bitmap of " + block.name());
        }
      }
      done += part.position();
    }
    if (bitmap.exceeds()) {
      throw in.malformed(
          header.bitmapOffset() + bytes - Long.BYTES - start,
          "The page bitmap of " + block.name() + " has pages behind its end");
    }
  }

  private static long count(PageBitmap bitmap) {
    long count = 0;
    for (long page = bitmap.nextSet(0, bitmap.pages()); page < bitmap.pages(); ) {
      long end = bitmap.nextClear(page, bitmap.pages());
      count += end - page;
      page = bitmap.nextSet(end, bitmap.pages());
    }
    return count;
  }

  private void fill(
      StreamInput in,
      ImageLane way,
      RamBlock block,
      MappedRamHeader header,
      PageBitmap bitmap,
      long offset,
      long length)
      throws ChannelException, StreamException {
    int pageBytes = header.pageBytes();
    long end = (offset + length) / pageBytes;
    for (long page = offset / pageBytes; page < end; ) {
      long set = bitmap.nextSet(page, end);
      clear(block.memory(), page, set, header.pageBytes());
      page = bitmap.nextClear(set, end);
      if (set < page) {
        take(in, way, block, header, set * pageBytes, (page - set) * pageBytes);
      }
    }
  }

  /** Fresh memory is zero as it is, and writing to it would only make it take up room. */
  private static void clear(MemorySegment memory, long from, long to, int pageBytes) {
    for (long page = from; page < to; page++) {
      ZeroPages.clear(memory, page * pageBytes, pageBytes);
    }
  }

  private void take(
      StreamInput in,
      ImageLane way,
      RamBlock block,
      MappedRamHeader header,
      long offset,
      long length)
      throws ChannelException, StreamException {
    long place = header.pagesOffset() + offset;
    way.channel().position(place);
    try {
      way.channel().get(way.regions().local(block), offset, length);
    } catch (ChannelException.EndedEarly e) {
      throw truncated(in, place, "The file ends in the pages of " + block.name());
    }
  }

  private StreamException truncated(StreamInput in, long place, String sentence) {
    return new StreamException(Kind.TRUNCATED, in.name(), place - start, sentence);
  }
}
