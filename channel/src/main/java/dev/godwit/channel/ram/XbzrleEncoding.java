package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;

/**
 * What changed in a page since it was last sent (qemu-wire.md §3.5); a page in which nothing
 * changed is not sent at all.
 *
 * <pre>
 * +------------------+---------+------------+--------------------+
 * | word and name    | u8 0x01 | u16 length | XbzrleDelta        |
 * +------------------+---------+------------+--------------------+
 * </pre>
 *
 * Pages are kept from the second pass on: the first sends nearly all of memory, of which the cache
 * holds a small part.
 */
public final class XbzrleEncoding implements PageEncoding {
  private static final int ENCODED = 0x01;
  private static final int HEAD_BYTES = 3;

  private final Optional<XbzrleCache> shared;

  /** Each encoder has a cache of its own, of the default size. */
  public XbzrleEncoding() {
    this(Optional.empty());
  }

  /**
   * All encoders of one migration use {@code cache}, which stays the caller's.
   *
   * @param cache of the same page size
   */
  public XbzrleEncoding(XbzrleCache cache) {
    this(Optional.of(cache));
  }

  private XbzrleEncoding(Optional<XbzrleCache> shared) {
    this.shared = shared;
  }

  @Override
  public String name() {
    return "xbzrle";
  }

  @Override
  public int flag() {
    return RamWord.XBZRLE;
  }

  @Override
  public Map<Surroundings, String> exclusions() {
    return Map.of(
        Surroundings.MULTIFD, "A delta would need the page that another channel still carries",
        Surroundings.MAPPED_RAM, "A page in a mapped-ram file stands at its place, as it is",
        Surroundings.BACKGROUND_SNAPSHOT, "No page is sent twice, so there is no delta",
        Surroundings.WHOLE_PAGES, "A delta is of one page of the target",
        Surroundings.SILENT_PLACEMENT, "Where no record announces pages, none can be a delta");
  }

  @Override
  public void skip(StreamInput in, int pageBytes, RamDialect dialect)
      throws ChannelException, StreamException {
    in.skip(length(in, pageBytes));
  }

  /** Takes the head and returns how many bytes of delta follow. */
  private static int length(StreamInput in, int pageBytes)
      throws ChannelException, StreamException {
    long start = in.offset();
    int id = in.u8();
    if (id != ENCODED) {
      throw in.malformed(start, "An xbzrle page begins with " + id + " instead of " + ENCODED);
    }
    int length = in.u16();
    if (length < 1 || length > pageBytes) {
      throw in.malformed(
          start + 1, "An xbzrle page has " + length + " bytes, not 1 to " + pageBytes);
    }
    return length;
  }

  @Override
  public Decoder decoder(int pageBytes, RamDialect dialect) {
    return new Patching(pageBytes);
  }

  @Override
  public Encoder encoder(int pageBytes) {
    return new Comparing(pageBytes, shared);
  }

  private static final class Patching implements Decoder {
    private final byte[] delta;
    private final ByteBuffer deltaBuffer;

    Patching(int pageBytes) {
      delta = new byte[pageBytes];
      deltaBuffer = ByteBuffer.wrap(delta);
    }

    @Override
    public void decode(StreamInput in, IncomingPage page) throws ChannelException, StreamException {
      long start = in.offset();
      int length = length(in, delta.length);
      in.bytes(deltaBuffer.clear().limit(length));
      int wrong = XbzrleDelta.apply(delta, length, page);
      if (wrong >= 0) {
        throw in.malformed(start + HEAD_BYTES + wrong, "An xbzrle page has a run that cannot be");
      }
    }
  }

  private static final class Comparing implements Encoder {
    private final Optional<XbzrleCache> own;
    private final XbzrleCache cache;
    private final byte[] now;
    private final byte[] delta;
    private final ByteBuffer deltaBuffer;
    private int passes;

    Comparing(int pageBytes, Optional<XbzrleCache> shared) {
      own =
          shared.isPresent()
              ? Optional.empty()
              : Optional.of(new XbzrleCache(XbzrleCache.DEFAULT_BYTES, pageBytes));
      cache = shared.or(() -> own).orElseThrow();
      now = new byte[pageBytes];
      delta = new byte[pageBytes];
      deltaBuffer = ByteBuffer.wrap(delta);
    }

    @Override
    public boolean encode(OutgoingPage page, StreamOutput out) throws ChannelException {
      if (passes == 0) {
        return false;
      }
      MemorySegment copy = page.copy();
      MemorySegment.copy(copy, ValueLayout.JAVA_BYTE, 0, now, 0, now.length);
      int length = cache.delta(page.block(), page.offset(), now, passes, delta);
      if (length == XbzrleCache.NO_DELTA) {
        return false;
      }
      if (length > 0) {
        page.head(out, RamWord.XBZRLE);
        out.u8(ENCODED);
        out.u16(length);
        out.bytes(deltaBuffer.clear().limit(length));
      }
      return true;
    }

    @Override
    public void tookElsewhere(OutgoingPage page) {
      // Whoever was asked later sent the copy that is kept; who was asked before, something else.
      if (passes > 0 && !page.isCopied()) {
        cache.forget(page.block(), page.offset());
      }
    }

    @Override
    public void passEnded(int passes) {
      this.passes = passes;
    }

    @Override
    public void close() {
      own.ifPresent(XbzrleCache::close);
    }
  }
}
