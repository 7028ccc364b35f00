package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * A page as a zlib stream of its own (qemu-wire.md §3.6); until 9.0. The destination may inflate
 * pages in any order until the next EOS, so between two of them no page is sent twice.
 *
 * <pre>
 * +------------------+------------+-------------+
 * | word and name    | u32 length | zlib stream |
 * +------------------+------------+-------------+
 * </pre>
 */
public final class CompressEncoding implements PageEncoding {
  /** QEMU's own default for {@code compress-level}. */
  public static final int DEFAULT_LEVEL = 1;

  private final int level;

  public CompressEncoding() {
    this(DEFAULT_LEVEL);
  }

  /**
   * @param level 0 to 9, as {@code compress-level}
   */
  public CompressEncoding(int level) {
    if (level < 0 || level > 9) {
      throw new IllegalArgumentException("A zlib level is 0 to 9, not " + level);
    }
    this.level = level;
  }

  @Override
  public String name() {
    return "compress";
  }

  @Override
  public int flag() {
    return RamWord.COMPRESS_PAGE;
  }

  @Override
  public boolean isReadBy(RamDialect dialect) {
    return dialect.hasCompressedPages();
  }

  @Override
  public boolean isAppliedLate() {
    return true;
  }

  @Override
  public Map<Surroundings, String> exclusions() {
    return Map.of(
        Surroundings.READER_10_0, "QEMU reads no compressed pages since 9.1",
        Surroundings.MULTIFD, "QEMU refuses it: multifd channels compress on their own",
        Surroundings.MAPPED_RAM, "A page in a mapped-ram file stands at its place, as it is",
        Surroundings.BACKGROUND_SNAPSHOT, "QEMU refuses it",
        Surroundings.WHOLE_PAGES, "What is compressed is one page of the target",
        Surroundings.SILENT_PLACEMENT, "Where no record announces pages, none can be compressed");
  }

  /** The longest stream of a page: zlib's own bound, as both sides reckon it. */
  static int maxBytes(int pageBytes) {
    return pageBytes + (pageBytes >> 12) + (pageBytes >> 14) + (pageBytes >> 25) + 13;
  }

  @Override
  public void skip(StreamInput in, int pageBytes, RamDialect dialect)
      throws ChannelException, StreamException {
    in.skip(length(in, maxBytes(pageBytes)));
  }

  /** Takes the head and returns how many bytes of zlib stream follow. */
  private static int length(StreamInput in, int maxBytes) throws ChannelException, StreamException {
    long start = in.offset();
    long length = in.u32();
    if (length < 1 || length > maxBytes) {
      throw in.malformed(start, "A compressed page has " + length + " bytes, not 1 to " + maxBytes);
    }
    return (int) length;
  }

  @Override
  public Decoder decoder(int pageBytes, RamDialect dialect) {
    return new Inflating(pageBytes);
  }

  @Override
  public Encoder encoder(int pageBytes) {
    return new Deflating(pageBytes, level);
  }

  private static final class Inflating implements Decoder {
    private final int pageBytes;
    private final Inflater inflater = new Inflater();
    private final ByteBuffer compressed;

    /** One byte more than a page, to see a stream that holds more. */
    private final byte[] page;

    Inflating(int pageBytes) {
      this.pageBytes = pageBytes;
      compressed = ByteBuffer.allocateDirect(maxBytes(pageBytes));
      page = new byte[pageBytes + 1];
    }

    @Override
    public void decode(StreamInput in, IncomingPage target)
        throws ChannelException, StreamException {
      long start = in.offset();
      int length = length(in, compressed.capacity());
      in.bytes(compressed.clear().limit(length));
      inflater.reset();
      inflater.setInput(compressed.flip());
      if (inflate() != pageBytes || !inflater.finished() || compressed.hasRemaining()) {
        throw in.malformed(
            start + Integer.BYTES, "A compressed page does not inflate to exactly one page");
      }
      target.set(page, 0, 0, pageBytes);
    }

    /** How many bytes come out, as far as they fit; -1 where the stream is damaged. */
    private int inflate() {
      try {
        int total = 0;
        while (total < page.length && !inflater.finished()) {
          int part = inflater.inflate(page, total, page.length - total);
          if (part == 0 && !inflater.finished()) {
            return -1;
          }
          total += part;
        }
        return total;
      } catch (DataFormatException e) {
        return -1;
      }
    }

    @Override
    public void close() {
      inflater.end();
    }
  }

  private static final class Deflating implements Encoder {
    private final Deflater deflater;

    /** Shorter than a page: what does not become so goes as it is. */
    private final ByteBuffer compressed;

    private final ByteBuffer plain;
    private final MemorySegment plainMemory;

    Deflating(int pageBytes, int level) {
      deflater = new Deflater(level);
      compressed = ByteBuffer.allocateDirect(pageBytes - Integer.BYTES);
      plain = ByteBuffer.allocateDirect(pageBytes);
      plainMemory = MemorySegment.ofBuffer(plain);
    }

    @Override
    public boolean encode(OutgoingPage page, StreamOutput out) throws ChannelException {
      MemorySegment.copy(page.copy(), 0, plainMemory, 0, plain.capacity());
      deflater.reset();
      deflater.setInput(plain.clear());
      deflater.finish();
      deflater.deflate(compressed.clear());
      if (!deflater.finished()) {
        return false;
      }
      page.head(out, RamWord.COMPRESS_PAGE);
      out.u32(compressed.position());
      out.bytes(compressed.flip());
      return true;
    }

    @Override
    public void close() {
      deflater.end();
    }
  }
}
