package dev.godwit.channel.stream;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Writes numbers, names and bytes to one channel through a buffer, and knows at which byte it is.
 * Numbers are big-endian. One thread uses it; the channel stays the caller's, and nobody else
 * writes to it meanwhile. What is written is copied at once and is the caller's again; it travels
 * when the buffer is full, or at {@link #flush}.
 */
public final class StreamOutput implements AutoCloseable {
  /** As much as the kernel takes at once; also bounds what is not yet on its way. */
  public static final int DEFAULT_BUFFER_BYTES = 256 * 1024;

  /** As much of a region as one buffer shows, to be written together with what is before it. */
  private static final long WINDOW_BYTES = 1L << 30;

  /** What is written in one call is counted as one; more is put, piece by piece. */
  private static final long MOST_TOGETHER_BYTES = 8L << 20;

  private static final ByteBuffer NOTHING = ByteBuffer.allocateDirect(0);

  private final Channel channel;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final ByteBuffer buffer;
  private final ByteBuffer[] one;
  private final ByteBuffer[] two;
  private @Nullable Placement placement;
  private @Nullable Region shown;
  private long shownAt;
  private long written;

  public StreamOutput(Channel channel) {
    this(channel, DEFAULT_BUFFER_BYTES);
  }

  /**
   * @param bufferBytes at least 512
   */
  public StreamOutput(Channel channel, int bufferBytes) {
    if (bufferBytes < 512) {
      throw new IllegalArgumentException("A buffer of " + bufferBytes + " bytes is too small");
    }
    this.channel = channel;
    this.memory = arena.allocate(bufferBytes, Long.BYTES);
    this.buffer = memory.asByteBuffer().order(ByteOrder.BIG_ENDIAN);
    this.one = new ByteBuffer[] {buffer};
    this.two = new ByteBuffer[] {buffer, NOTHING};
  }

  /** Offset of the next byte, counted from where this output began. */
  public long offset() {
    return written + buffer.position();
  }

  public void u8(int value) throws ChannelException {
    room(1);
    buffer.put((byte) value);
  }

  public void u16(int value) throws ChannelException {
    room(Short.BYTES);
    buffer.putShort((short) value);
  }

  public void u32(long value) throws ChannelException {
    room(Integer.BYTES);
    buffer.putInt((int) value);
  }

  public void u64(long value) throws ChannelException {
    room(Long.BYTES);
    buffer.putLong(value);
  }

  /** A length byte and the name, of 1 to 255 bytes. */
  public void name(String name) throws ChannelException {
    byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length == 0 || bytes.length > 255) {
      throw new IllegalArgumentException("A name has 1 to 255 bytes, not " + bytes.length);
    }
    u8(bytes.length);
    bytes(ByteBuffer.wrap(bytes));
  }

  /** The bytes of {@code src} up to its limit. */
  public void bytes(ByteBuffer src) throws ChannelException {
    while (src.hasRemaining()) {
      room(1);
      int part = Math.min(src.remaining(), buffer.remaining());
      buffer.put(buffer.position(), src, src.position(), part).position(buffer.position() + part);
      src.position(src.position() + part);
    }
  }

  public void bytes(byte[] src) throws ChannelException {
    bytes(ByteBuffer.wrap(src));
  }

  public void bytes(MemorySegment src, long srcOffset, long length) throws ChannelException {
    for (long done = 0; done < length; ) {
      room(1);
      int part = (int) Math.min(length - done, buffer.remaining());
      MemorySegment.copy(src, srcOffset + done, memory, buffer.position(), part);
      buffer.position(buffer.position() + part);
      done += part;
    }
  }

  /**
   * Puts bytes of a region after all that was written, straight from its memory. They may be read
   * until {@link Channel#settle} of the channel.
   */
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    if (buffer.position() > 0
        && isInline()
        && length <= MOST_TOGETHER_BYTES
        && show(src, srcOffset, length)) {
      writeWith(two);
    } else {
      writeOut();
      channel.put(src, srcOffset, dst, dstOffset, length);
    }
    written += length;
  }

  private boolean isInline() {
    if (placement == null) {
      placement = channel.info().capabilities().placement();
    }
    return placement == Placement.INLINE;
  }

  /**
   * Where put bytes go the way of written ones, a header and what it is about leave in one call.
   * Shows the bytes behind the buffer; false if no window holds them all.
   */
  @SuppressWarnings("ReferenceEquality") // Regions are told apart by who they are.
  private boolean show(Region src, long offset, long length) {
    MemorySegment memory = src.memory();
    long at = offset & -WINDOW_BYTES;
    if (offset - at + length > WINDOW_BYTES || !memory.isNative()) {
      return false;
    }
    if (src != shown || at != shownAt) {
      two[1] = memory.asSlice(at, Math.min(WINDOW_BYTES, memory.byteSize() - at)).asByteBuffer();
      shown = src;
      shownAt = at;
    }
    two[1].limit((int) (offset - at + length)).position((int) (offset - at));
    return true;
  }

  /** Hands over all that was written; does not wait for the peer. */
  public void flush() throws ChannelException {
    writeOut();
    channel.flush();
  }

  /**
   * The channel was moved, as a file can be: what is written next is at {@code offset}.
   *
   * @throws IllegalStateException if bytes from before are not flushed
   */
  public void moved(long offset) {
    if (buffer.position() > 0) {
      throw new IllegalStateException("Bytes of before the move are not flushed");
    }
    written = offset;
  }

  /** Frees the buffer; what was not flushed is lost. */
  @Override
  public void close() {
    arena.close();
  }

  private void room(int bytes) throws ChannelException {
    if (buffer.remaining() < bytes) {
      writeOut();
    }
  }

  private void writeOut() throws ChannelException {
    if (buffer.position() > 0) {
      writeWith(one);
    }
  }

  /** Writes what is in the buffer, and what the array has behind it. */
  private void writeWith(ByteBuffer[] buffers) throws ChannelException {
    int length = buffer.position();
    buffer.flip();
    try {
      channel.write(buffers);
    } finally {
      buffer.clear();
    }
    written += length;
  }
}
