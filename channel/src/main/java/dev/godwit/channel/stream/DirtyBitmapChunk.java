package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * One piece of a {@code dirty-bitmap} section, which has them until one with {@link #EOS}
 * (qemu-wire.md §3.10).
 *
 * <pre>
 *   u8     flags, just one of START, COMPLETE, BITS and EOS among them
 *   cstr8  node alias     if NODE_NAME
 *   cstr8  bitmap alias   if BITMAP_NAME
 *   u32 granularity, u8 state                               if START
 *   u64 first sector, u32 sectors                           if BITS
 *   u64 length, that many bytes, which the caller takes     if BITS and not ZEROES
 * </pre>
 *
 * @param node empty if it is that of the chunk before
 * @param bitmap empty if it is that of the chunk before
 * @param granularityBytes what one bit stands for
 * @param state bits of what becomes of the bitmap
 * @param firstSector in units of 512 bytes
 * @param dataBytes how many bytes of the bitmap follow this chunk
 */
public record DirtyBitmapChunk(
    int flags,
    String node,
    String bitmap,
    long granularityBytes,
    int state,
    long firstSector,
    long sectors,
    long dataBytes) {

  /** The section's name. */
  public static final String SECTION = "dirty-bitmap";

  public static final int EOS = 0x01;
  public static final int ZEROES = 0x02;
  public static final int BITMAP_NAME = 0x04;
  public static final int NODE_NAME = 0x08;
  public static final int START = 0x10;
  public static final int COMPLETE = 0x20;
  public static final int BITS = 0x40;

  /** More flags follow; no source sends it. */
  private static final int EXTENDED = 0x80;

  private static final int WHAT = EOS | START | COMPLETE | BITS;

  /** The bits of 2^32 sectors, which a chunk counts, at one sector a bit. */
  private static final long MAX_DATA_BYTES = 1L << 29;

  public static DirtyBitmapChunk read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int flags = in.u8();
    if ((flags & EXTENDED) != 0) {
      throw in.unsupported(start, "A dirty bitmap has more flags than are known");
    }
    if (Integer.bitCount(flags & WHAT) != 1 || (has(flags, ZEROES) && !has(flags, BITS))) {
      throw in.malformed(start, String.format("A dirty bitmap's flags cannot be 0x%02X", flags));
    }
    String node = has(flags, NODE_NAME) ? in.name("name of a node") : "";
    String bitmap = has(flags, BITMAP_NAME) ? in.name("name of a bitmap") : "";
    long granularity = has(flags, START) ? in.u32() : 0;
    int state = has(flags, START) ? in.u8() : 0;
    long firstSector = has(flags, BITS) ? in.u64() : 0;
    long sectors = has(flags, BITS) ? in.u32() : 0;
    long dataAt = in.offset();
    long data = hasData(flags) ? in.u64() : 0;
    if (data < 0 || data > MAX_DATA_BYTES) {
      throw in.malformed(
          dataAt, "A dirty bitmap has a chunk of " + Long.toUnsignedString(data) + " bytes");
    }
    return new DirtyBitmapChunk(
        flags, node, bitmap, granularity, state, firstSector, sectors, data);
  }

  private static boolean has(int flags, int flag) {
    return (flags & flag) != 0;
  }

  private static boolean hasData(int flags) {
    return has(flags, BITS) && !has(flags, ZEROES);
  }

  /** Whether it ends the section. */
  public boolean isLast() {
    return has(flags, EOS);
  }

  /** Writes all but the data. */
  public void write(StreamOutput out) throws ChannelException {
    out.u8(flags);
    if (has(flags, NODE_NAME)) {
      out.name(node);
    }
    if (has(flags, BITMAP_NAME)) {
      out.name(bitmap);
    }
    if (has(flags, START)) {
      out.u32(granularityBytes);
      out.u8(state);
    }
    if (has(flags, BITS)) {
      out.u64(firstSector);
      out.u32(sectors);
    }
    if (hasData(flags)) {
      out.u64(dataBytes);
    }
  }
}
