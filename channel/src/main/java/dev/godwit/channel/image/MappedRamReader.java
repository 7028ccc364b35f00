package dev.godwit.channel.image;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
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
 * Fills RAM blocks from a mapped-ram file (qemu-wire.md §6) while its stream is read: each block's
 * pages when its entry of the block table has been read, over all lanes at once.
 *
 * <p>A page whose bit is not set is zero, whatever stands at its place in the file. What is read is
 * as the file says, and a guest only once the stream has been read to its end: an image whose
 * writing was broken off has no pages and no end.
 */
public final class MappedRamReader {
  /** Of one read from the file: the longest bitmap that comes in one is that of 256 GiB. */
  private static final int BITMAP_PART_BYTES = 8 << 20;

  private final PositionedChannel stream;
  private final Lanes lanes;
  private final long start;

  /**
   * @param stream of which nothing has been read yet; it stays the caller's
   * @param lanes at least one; they stay the caller's, and nobody else uses them meanwhile
   */
  public MappedRamReader(PositionedChannel stream, List<ImageLane> lanes) throws ChannelException {
    this.stream = stream;
    this.lanes = new Lanes(lanes);
    this.start = stream.position();
  }

  /**
   * Fills {@code block}, all of it, and moves the stream on to behind its pages.
   *
   * @param in the stream's input, which has just read {@code header}
   * @param block as long as the table says that it is
   * @return how many pages the file has; the others are zero
   * @throws StreamException {@code MALFORMED} if the places cannot be, {@code TRUNCATED} if the
   *     file ends before its pages
   */
  public long read(StreamInput in, RamBlock block, MappedRamHeader header)
      throws ChannelException, StreamException {
    requirePlaces(in, block, header);
    long pages = block.lengthBytes() / header.pageBytes();
    long set;
    try (Arena arena = Arena.ofShared()) {
      PageBitmap bitmap = new PageBitmap(arena, pages);
      readBitmap(in, block, header, bitmap);
      set = count(bitmap);
      lanes.share(
          block.lengthBytes(),
          (lane, offset, length) -> fill(in, block, header, bitmap, lane, offset, length));
    }
    long next = header.pagesOffset() + block.lengthBytes();
    stream.position(next);
    in.moved(next - start);
    return set;
  }

  /** Nothing may lie before the stream, and the next entry behind all; so nothing overlaps. */
  private void requirePlaces(StreamInput in, RamBlock block, MappedRamHeader header)
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

  private void readBitmap(StreamInput in, RamBlock block, MappedRamHeader header, PageBitmap bitmap)
      throws ChannelException, StreamException {
    PositionedChannel channel = lanes.get(0).channel();
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
      RamBlock block,
      MappedRamHeader header,
      PageBitmap bitmap,
      int lane,
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
        take(in, block, header, lane, set * pageBytes, (page - set) * pageBytes);
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
      StreamInput in, RamBlock block, MappedRamHeader header, int lane, long offset, long length)
      throws ChannelException, StreamException {
    ImageLane way = lanes.get(lane);
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
