package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;

/**
 * Where the pages of one block are in a mapped-ram file (qemu-wire.md §6); it follows the block in
 * the table.
 *
 * <pre>
 *  0            4            12             20             28
 * +------------+------------+--------------+--------------+
 * | u32 version| u64 page   | u64 bitmap   | u64 pages    |
 * |  = 1       |     bytes  |     offset   |     offset   |
 * +------------+------------+--------------+--------------+
 * </pre>
 *
 * @param pageBytes the target's page size
 * @param bitmapOffset of the block's page bitmap, in bytes from the start of the file
 * @param pagesOffset of the block's first page, in bytes from the start of the file
 */
public record MappedRamHeader(int pageBytes, long bitmapOffset, long pagesOffset) {
  public static final int BYTES = 28;
  private static final int VERSION = 1;

  /** The bitmap's length for a block of {@code lengthBytes}: whole words of 64 pages. */
  public long bitmapBytes(long lengthBytes) {
    return (lengthBytes / pageBytes + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
  }

  /**
   * Reads one, and holds it against its block: where it stands in the file is the caller's to
   * check.
   *
   * @param pageBytes the target's page size
   * @param lengthBytes of the block
   */
  public static MappedRamHeader read(StreamInput in, int pageBytes, long lengthBytes)
      throws ChannelException, StreamException {
    long start = in.offset();
    long version = in.u32();
    if (version != VERSION) {
      throw in.unsupported(
          start, "The block's mapped-ram header has version " + version + ", and only 1 is known");
    }
    long page = in.u64();
    if (page != pageBytes) {
      throw in.malformed(
          start + 4,
          "The block's mapped-ram header has pages of "
              + Long.toUnsignedString(page)
              + " bytes, not "
              + pageBytes);
    }
    MappedRamHeader header = new MappedRamHeader(pageBytes, in.u64(), in.u64());
    long bitmapBytes = header.bitmapBytes(lengthBytes);
    if (header.bitmapOffset < 0 || header.bitmapOffset > Long.MAX_VALUE - bitmapBytes) {
      throw in.malformed(
          start + 12,
          "The block's page bitmap cannot be at offset "
              + Long.toUnsignedString(header.bitmapOffset));
    }
    if (header.pagesOffset < header.bitmapOffset + bitmapBytes
        || header.pagesOffset % pageBytes != 0
        || header.pagesOffset > Long.MAX_VALUE - lengthBytes) {
      throw in.malformed(
          start + 20,
          "The block's pages cannot be at offset " + Long.toUnsignedString(header.pagesOffset));
    }
    return header;
  }

  public void write(StreamOutput out) throws ChannelException {
    out.u32(VERSION);
    out.u64(pageBytes);
    out.u64(bitmapOffset);
    out.u64(pagesOffset);
  }
}
