package dev.godwit.transport.support;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * Looks at a channel's next bytes before anybody takes them. One thread uses it, and nobody else
 * reads the channel meanwhile; the channel stays the caller's.
 */
public final class ChannelReader {
  private final Channel channel;
  private final ByteBuffer buffer;

  /**
   * @param capacity how many bytes can be looked at, at the most
   */
  public ChannelReader(Channel channel, int capacity) {
    this.channel = channel;
    this.buffer = ByteBuffer.allocateDirect(capacity).limit(0);
  }

  public Channel channel() {
    return channel;
  }

  /**
   * Waits until {@code bytes} are there or the peer has ended, and takes nothing.
   *
   * @return a view of all that is there now, big-endian; fewer bytes than asked for only at the
   *     peer's end
   */
  public ByteBuffer peek(int bytes) throws ChannelException {
    if (bytes > buffer.capacity()) {
      throw new IllegalArgumentException(
          "Cannot look at " + bytes + " bytes with a buffer of " + buffer.capacity());
    }
    if (bytes > buffer.capacity() - buffer.position()) {
      buffer.compact().flip();
    }
    while (buffer.remaining() < bytes && fill() >= 0) {
      // More to come.
    }
    return buffered();
  }

  /** A view of what was read and not yet taken; never blocks. */
  public ByteBuffer buffered() {
    return buffer.asReadOnlyBuffer();
  }

  /**
   * Takes bytes: first those that were looked at, then straight from the channel. At least one
   * byte, or -1 at the peer's end.
   */
  public int read(ByteBuffer dst) throws ChannelException {
    if (!buffer.hasRemaining()) {
      return channel.read(dst);
    }
    int part = Math.min(buffer.remaining(), dst.remaining());
    dst.put(buffer.slice(buffer.position(), part));
    buffer.position(buffer.position() + part);
    return part;
  }

  private int fill() throws ChannelException {
    int start = buffer.position();
    int end = buffer.limit();
    buffer.limit(buffer.capacity()).position(end);
    try {
      int read = channel.read(buffer);
      end += Math.max(read, 0);
      return read;
    } finally {
      buffer.limit(end).position(start);
    }
  }
}
