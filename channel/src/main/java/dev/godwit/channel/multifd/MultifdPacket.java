package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The header of a packet of pages, all of one RAM block; the payload follows it (qemu-wire.md
 * §4.4).
 *
 * <pre>
 *    0  u32  magic 0x11223344
 *    4  u32  version 1
 *    8  u32  flags: 0x01 SYNC, 0x3E compression
 *   12  u32  pages_alloc: P = 512 KiB / the target's page; 10.0 writes 0 with SYNC
 *   16  u32  normal_pages: pages with payload
 *   20  u32  next_packet_size: bytes of payload; 7.2 leaves an old value where there is none
 *   24  u64  packet_num
 *   32  u32  zero_pages; 7.2: reserved
 *   36   28  reserved
 *   64  256  name of the RAM block, padded with zeroes; meaningless without pages
 *  320  8*P  offsets in the block: normal pages, then zero pages; what is behind is meaningless
 * </pre>
 *
 * A channel has one and uses it for all its packets, so nothing is allocated for one. What means
 * nothing is kept as it was read, and written as it is kept: reading and writing a packet gives the
 * same bytes.
 *
 * <p>Where blocks travel in pages of their own size ({@link PageUnits}), a page is one of these: as
 * many as go into 512 KiB, one of a larger size.
 */
public final class MultifdPacket {
  /** All pages of one packet together are no larger; also what tells P (qemu-wire.md §4.4). */
  public static final int MAX_PAGES_BYTES = 512 * 1024;

  /** Twice the pages: what compressed pages can become at the most (qemu-wire.md §4.5). */
  public static final int MAX_PAYLOAD_BYTES = 2 * MAX_PAGES_BYTES;

  /** Where the block's name stands in a header. */
  static final int NAME_AT = 64;

  private static final int NAME_BYTES = 256;
  private static final int RESERVED_BYTES = 28;
  private static final int OFFSETS_AT = 320;

  private final PageUnits units;
  private final long[] offsets;
  private final byte[] name = new byte[NAME_BYTES];
  private final ByteBuffer nameBuffer = ByteBuffer.wrap(name);
  private final byte[] reserved = new byte[RESERVED_BYTES];
  private final ByteBuffer reservedBuffer = ByteBuffer.wrap(reserved);
  private int flags;
  private int pagesAlloc;
  private int normalPages;
  private int zeroPages;
  private long payloadBytes;
  private long number;

  /**
   * @param units of a target whose page size is from 1 KiB to 512 KiB
   */
  public MultifdPacket(PageUnits units) {
    this.units = units;
    this.offsets = new long[pages(units.targetBytes())];
  }

  /** How many pages of one unit go into one packet. */
  static int pagesOf(int unitBytes) {
    return Math.max(1, MAX_PAGES_BYTES / unitBytes);
  }

  /** How many pages of {@code pageBytes}, a target's, go into one packet. */
  public static int pages(int pageBytes) {
    if (pageBytes < 1024 || pageBytes > MAX_PAGES_BYTES || Integer.bitCount(pageBytes) != 1) {
      throw new IllegalArgumentException(
          "Pages of " + pageBytes + " bytes do not go into packets of 512 KiB");
    }
    return MAX_PAGES_BYTES / pageBytes;
  }

  /** Length of a header on the wire; a packet that only says SYNC has it too. */
  public static int headerBytes(int pageBytes) {
    return OFFSETS_AT + Long.BYTES * pages(pageBytes);
  }

  /** Whether the channel stops after this packet. */
  public boolean sync() {
    return (flags & PacketHead.SYNC) != 0;
  }

  /** The bits that name the compression of the payload. */
  public int compressionBits() {
    return flags & PacketHead.COMPRESSION;
  }

  public int normalPages() {
    return normalPages;
  }

  public int zeroPages() {
    return zeroPages;
  }

  /** Whether there is any page in it, so that the block's name means something. */
  public boolean hasPages() {
    return normalPages + zeroPages > 0;
  }

  /** Length of the payload; 0 where no page has any. */
  public int payloadBytes() {
    return normalPages == 0 ? 0 : (int) payloadBytes;
  }

  /** The packet's number among those of all channels; not dense. */
  public long number() {
    return number;
  }

  /**
   * Offset in the block of a page: the normal ones from 0 on, then the zero ones.
   *
   * @param index below {@link #normalPages} + {@link #zeroPages}
   */
  public long offset(int index) {
    return offsets[index];
  }

  /**
   * How many normal pages from {@code index} on stand one behind the other in the block.
   *
   * @param unitBytes the block's
   */
  int run(int index, int unitBytes) {
    int run = 1;
    while (index + run < normalPages
        && offsets[index + run] == offsets[index] + (long) run * unitBytes) {
      run++;
    }
    return run;
  }

  /** The RAM block's name. */
  public String blockName() {
    int length = 0;
    while (length < NAME_BYTES && name[length] != 0) {
      length++;
    }
    return new String(name, 0, length, StandardCharsets.ISO_8859_1);
  }

  /** The field that holds the block's name, as it is. */
  byte[] copyOfName() {
    return name.clone();
  }

  /** Whether {@code padded} is the field that holds the block's name. */
  boolean isOf(byte[] padded) {
    return Arrays.equals(name, padded);
  }

  /** A block's name as it stands in a packet. */
  static byte[] padded(String name) {
    byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length == 0 || bytes.length >= NAME_BYTES) {
      throw new IllegalArgumentException("A RAM block's name has 1 to 255 bytes: " + name);
    }
    return Arrays.copyOf(bytes, NAME_BYTES);
  }

  /**
   * Takes the rest of a header whose head {@link PacketHead#readFlags} has taken. Its counts are
   * sound on return; offsets and name are the caller's to judge, who knows the block, and so is the
   * payload where the block tells its pages' size ({@link #requireFits}).
   */
  void read(StreamInput in, int headFlags) throws ChannelException, StreamException {
    long start = in.offset() - PacketHead.BYTES;
    long alloc = in.u32();
    long normal = in.u32();
    payloadBytes = in.u32();
    number = in.u64();
    long zero = in.u32();
    flags = headFlags;
    if (alloc > offsets.length) {
      throw in.malformed(
          start + 12,
          "A packet has room for " + alloc + " pages where " + offsets.length + " is the most");
    }
    if (normal > alloc) {
      throw in.malformed(
          start + 16, "A packet of " + alloc + " pages cannot hold " + normal + " with payload");
    }
    if (zero > alloc - normal) {
      throw in.malformed(
          start + 32,
          "A packet of "
              + alloc
              + " pages, "
              + normal
              + " with payload, cannot hold "
              + zero
              + " zero pages");
    }
    pagesAlloc = (int) alloc;
    normalPages = (int) normal;
    zeroPages = (int) zero;
    checkPayload(in, start);
    in.bytes(reservedBuffer.clear());
    in.bytes(nameBuffer.clear());
    if (hasPages() && name[0] == 0) {
      throw in.malformed(start + NAME_AT, "A packet with pages names no RAM block");
    }
    if (hasPages() && name[NAME_BYTES - 1] != 0) {
      throw in.malformed(start + NAME_AT, "The name of a packet's RAM block does not end");
    }
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = in.u64();
    }
  }

  private void checkPayload(StreamInput in, long start) throws StreamException {
    if (normalPages == 0) {
      return;
    }
    if (compressionBits() == 0 && !units.whole()) {
      requirePlain(in, start, units.targetBytes());
    }
    int most = units.whole() ? PageUnits.MAX_BYTES : MAX_PAYLOAD_BYTES;
    if (payloadBytes > most) {
      throw in.malformed(
          start + 20, "A payload of " + payloadBytes + " bytes where " + most + " is the most");
    }
  }

  private void requirePlain(StreamInput in, long start, int unitBytes) throws StreamException {
    long plain = (long) normalPages * unitBytes;
    if (payloadBytes != plain) {
      throw in.malformed(
          start + 20,
          "A payload of " + plain + " bytes is announced as " + payloadBytes + " bytes");
    }
  }

  /**
   * Passes if pages of that size fill the packet as it says; it is not compressed.
   *
   * @param start offset in the stream of the packet's first byte, for messages
   * @param unitBytes the block's, where it travels in pages of its own size
   */
  void requireFits(StreamInput in, long start, int unitBytes) throws StreamException {
    if (normalPages + zeroPages > pagesOf(unitBytes)) {
      throw in.malformed(
          start + 16,
          "A packet has "
              + (normalPages + zeroPages)
              + " pages of "
              + unitBytes
              + " bytes where "
              + pagesOf(unitBytes)
              + " is the most");
    }
    if (normalPages > 0) {
      requirePlain(in, start, unitBytes);
    }
  }

  /** Where the offset of a page stands in a header. */
  static int offsetAt(int index) {
    return OFFSETS_AT + Long.BYTES * index;
  }

  /** Writes the header. */
  public void write(StreamOutput out) throws ChannelException {
    PacketHead.write(out, flags);
    out.u32(pagesAlloc);
    out.u32(normalPages);
    out.u32(payloadBytes);
    out.u64(number);
    out.u32(zeroPages);
    out.bytes(reservedBuffer.clear());
    out.bytes(nameBuffer.clear());
    for (long offset : offsets) {
      out.u64(offset);
    }
  }

  /** Makes this the packet that says nothing but SYNC. */
  void fillSync(Dialect dialect, long packetNumber) {
    flags = PacketHead.SYNC;
    number = packetNumber;
    normalPages = 0;
    zeroPages = 0;
    switch (dialect) {
      case V7_2 -> pagesAlloc = offsets.length;
      case V10_0 -> {
        pagesAlloc = 0;
        payloadBytes = 0;
        Arrays.fill(name, (byte) 0);
        Arrays.fill(offsets, 0);
      }
    }
  }

  /**
   * Makes this a packet of pages; {@link #add} names them, {@link #endPages} completes it.
   *
   * @param paddedName from {@link #padded}
   */
  void fillPages(byte[] paddedName) {
    flags = 0;
    pagesAlloc = offsets.length;
    normalPages = 0;
    zeroPages = 0;
    System.arraycopy(paddedName, 0, name, 0, NAME_BYTES);
  }

  /** One more page with payload; before any zero page. */
  void add(long offset) {
    offsets[normalPages++] = offset;
  }

  /** One more zero page. */
  void addZero(long offset) {
    offsets[normalPages + zeroPages++] = offset;
  }

  /** Completes a packet of pages. */
  void endPages(Dialect dialect, int compressionBits, int payload, long packetNumber) {
    flags = compressionBits;
    payloadBytes = payload;
    number = packetNumber;
    if (dialect == Dialect.V10_0) {
      Arrays.fill(offsets, normalPages + zeroPages, offsets.length, 0);
    }
  }
}
