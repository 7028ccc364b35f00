package dev.godwit.channel.stream;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.ChannelReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Reads numbers, names and bytes of one channel through a buffer, and knows at which byte it is.
 * Numbers are big-endian, as everything in a stream that is not said otherwise. One thread uses it;
 * the channel stays the caller's, and nobody else reads it meanwhile.
 *
 * <p>Every method waits for the bytes it needs, and fails with {@link Kind#TRUNCATED} where the
 * stream ends before. Nothing here allocates by a number that was read.
 */
public final class StreamInput implements AutoCloseable {
  /** Two of the longest reads that a real QEMU's writes come in; more measures no better. */
  public static final int DEFAULT_BUFFER_BYTES = 256 * 1024;

  private final Channel channel;
  private String name;
  private final Arena arena = Arena.ofShared();
  private final ByteBuffer buffer;
  private final MemorySegment memory;
  private long bufferOffset;

  /**
   * @param name of the channel in messages, such as {@code main} or {@code multifd 3}
   */
  public StreamInput(Channel channel, String name) {
    this(channel, name, DEFAULT_BUFFER_BYTES);
  }

  /**
   * @param bufferBytes what is read ahead at the most; at least 512
   */
  public StreamInput(Channel channel, String name, int bufferBytes) {
    if (bufferBytes < 512) {
      throw new IllegalArgumentException("A buffer of " + bufferBytes + " bytes is too small");
    }
    this.channel = channel;
    this.name = name;
    this.memory = arena.allocate(bufferBytes, Long.BYTES);
    this.buffer = memory.asByteBuffer().order(ByteOrder.BIG_ENDIAN).limit(0);
  }

  /**
   * Goes on with a channel whose first bytes somebody has looked at and not taken.
   *
   * @param bufferBytes what is read ahead at the most; at least 512, and what was looked at
   */
  public StreamInput(ChannelReader reader, String name, int bufferBytes) throws ChannelException {
    this(reader.channel(), name, Math.max(bufferBytes, reader.buffered().remaining()));
    buffer.limit(reader.buffered().remaining());
    while (buffer.hasRemaining()) {
      reader.read(buffer);
    }
    buffer.flip();
  }

  /** The channel has told which one it is: how messages call it from now on. */
  public void rename(String known) {
    name = known;
  }

  /** Which channel this is, in messages. */
  public String name() {
    return name;
  }

  /** Offset of the next byte, counted from where this input began. */
  public long offset() {
    return bufferOffset + buffer.position();
  }

  /** Waits for a byte; false at the peer's orderly end. */
  public boolean hasMore() throws ChannelException {
    return buffer.hasRemaining() || fillMore(1);
  }

  /** The next byte, left where it is; -1 at the peer's orderly end. */
  public int peek() throws ChannelException {
    return hasMore() ? buffer.get(buffer.position()) & 0xFF : -1;
  }

  /**
   * The next bytes, left where they are, to look ahead by: a read-only view, big-endian, of at
   * least {@code bytes}, which are no more than 512; of fewer only at the end.
   */
  public ByteBuffer peek(int bytes) throws ChannelException {
    while (buffer.remaining() < bytes && fillMore(bytes)) {
      // More to come.
    }
    return buffer.asReadOnlyBuffer();
  }

  public int u8() throws ChannelException, StreamException {
    require(1);
    return buffer.get() & 0xFF;
  }

  public int u16() throws ChannelException, StreamException {
    require(Short.BYTES);
    return buffer.getShort() & 0xFFFF;
  }

  public long u32() throws ChannelException, StreamException {
    require(Integer.BYTES);
    return buffer.getInt() & 0xFFFF_FFFFL;
  }

  /** The 64 bits as they are; what is above {@link Long#MAX_VALUE} comes out negative. */
  public long u64() throws ChannelException, StreamException {
    require(Long.BYTES);
    return buffer.getLong();
  }

  /** A length byte and that many bytes of text, which must not be empty (qemu-wire.md §11). */
  public String name(String what) throws ChannelException, StreamException {
    long start = offset();
    int length = u8();
    if (length == 0) {
      throw malformed(start, "The " + what + " is empty");
    }
    return text(length);
  }

  /**
   * @param length bounded by the caller, no more than 512
   */
  public String text(int length) throws ChannelException, StreamException {
    require(length);
    byte[] text = new byte[length];
    buffer.get(text);
    // Names are ASCII in practice; this keeps any byte, so that they are written as they came.
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  /** Fills {@code dst} up to its limit. */
  public void bytes(ByteBuffer dst) throws ChannelException, StreamException {
    while (dst.hasRemaining()) {
      requireMore();
      int part = Math.min(dst.remaining(), buffer.remaining());
      dst.put(dst.position(), buffer, buffer.position(), part).position(dst.position() + part);
      buffer.position(buffer.position() + part);
    }
  }

  /** The next {@code length} bytes, which the caller has bounded. */
  public byte[] bytes(int length) throws ChannelException, StreamException {
    byte[] bytes = new byte[length];
    bytes(ByteBuffer.wrap(bytes));
    return bytes;
  }

  /** Copies the next {@code length} bytes to {@code dst}, which stays the caller's. */
  public void bytes(MemorySegment dst, long dstOffset, long length)
      throws ChannelException, StreamException {
    for (long done = 0; done < length; ) {
      requireMore();
      int part = (int) Math.min(length - done, buffer.remaining());
      MemorySegment.copy(memory, buffer.position(), dst, dstOffset + done, part);
      buffer.position(buffer.position() + part);
      done += part;
    }
  }

  /**
   * Whether the next {@code length} bytes are all zero; they are taken. No more than the buffer.
   */
  public boolean zeroes(int length) throws ChannelException, StreamException {
    boolean zero = true;
    for (int i = 0; i < length; i++) {
      zero &= u8() == 0;
    }
    return zero;
  }

  public void skip(long length) throws ChannelException, StreamException {
    for (long done = 0; done < length; ) {
      requireMore();
      int part = (int) Math.min(length - done, buffer.remaining());
      buffer.position(buffer.position() + part);
      done += part;
    }
  }

  /**
   * Takes bytes that the peer has put, or written: those that were read ahead are copied, the rest
   * comes straight from the channel into the region.
   */
  public void get(Region dst, long dstOffset, long length)
      throws ChannelException, StreamException {
    long ahead = Math.min(length, buffer.remaining());
    bytes(dst.memory(), dstOffset, ahead);
    if (ahead == length) {
      return;
    }
    long start = offset();
    try {
      channel.get(dst, dstOffset + ahead, length - ahead);
    } catch (ChannelException.EndedEarly e) {
      throw new StreamException(
          Kind.TRUNCATED, name, start, "The stream ends in the middle of a page");
    }
    bufferOffset += length - ahead;
  }

  /**
   * The channel was moved, as a file can be: forgets what was read ahead. The channel's next byte
   * is that at {@code offset}.
   */
  public void moved(long offset) {
    buffer.limit(0);
    bufferOffset = offset;
  }

  /** What must not be, at {@code offset}. */
  public StreamException malformed(long offset, String sentence) {
    return new StreamException(Kind.MALFORMED, name, offset, sentence);
  }

  /** What this version does not read, at {@code offset}. */
  public StreamException unsupported(long offset, String sentence) {
    return new StreamException(Kind.UNSUPPORTED, name, offset, sentence);
  }

  /** What does not fit this side, at {@code offset}. */
  public StreamException mismatched(long offset, String sentence) {
    return new StreamException(Kind.MISMATCHED, name, offset, sentence);
  }

  /** Frees the buffer; nobody may be reading. */
  @Override
  public void close() {
    arena.close();
  }

  private void require(int bytes) throws ChannelException, StreamException {
    while (buffer.remaining() < bytes) {
      if (!fillMore(bytes)) {
        throw ended();
      }
    }
  }

  private void requireMore() throws ChannelException, StreamException {
    if (!hasMore()) {
      throw ended();
    }
  }

  private StreamException ended() {
    return new StreamException(
        Kind.TRUNCATED,
        name,
        offset() + buffer.remaining(),
        "The stream ends in the middle of something");
  }

  /** Reads behind what is buffered, of which there will be {@code bytes}; false at the end. */
  private boolean fillMore(int bytes) throws ChannelException {
    if (buffer.position() + bytes > buffer.capacity() || !buffer.hasRemaining()) {
      bufferOffset += buffer.position();
      MemorySegment.copy(memory, buffer.position(), memory, 0, buffer.remaining());
      buffer.limit(buffer.remaining()).position(0);
    }
    int start = buffer.position();
    int end = buffer.limit();
    buffer.limit(buffer.capacity()).position(end);
    try {
      int read = channel.read(buffer);
      end += Math.max(read, 0);
      return read > 0;
    } finally {
      buffer.limit(end).position(start);
    }
  }
}
