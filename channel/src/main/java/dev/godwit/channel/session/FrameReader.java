package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameHeader;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Takes one frame after the other from a link; by one thread. */
final class FrameReader {
  /** Enough for every frame but a chunk, and all that a stranger is given. */
  private static final int FIRST_PAYLOAD_BYTES = 64 * 1024;

  private final Channel channel;
  private final FrameHeader header = new FrameHeader();
  private final ByteBuffer head = ByteBuffer.allocateDirect(FrameHeader.BYTES);
  private ByteBuffer payload = ByteBuffer.allocateDirect(FIRST_PAYLOAD_BYTES);
  private boolean damaged;
  private volatile long heardNanos = System.nanoTime();

  FrameReader(Channel channel) {
    this.channel = channel;
  }

  /** Takes chunks of that length from now on. */
  void admit(int chunkBytes) {
    if (chunkBytes > payload.capacity()) {
      payload = ByteBuffer.allocateDirect(chunkBytes);
    }
  }

  /** When bytes came last, by {@link System#nanoTime}; any thread. */
  long heardNanos() {
    return heardNanos;
  }

  /** Reads bytes that are no frame. */
  byte[] preface(int bytes) throws ChannelException {
    ByteBuffer all = ByteBuffer.allocate(bytes);
    while (all.hasRemaining()) {
      if (read(all) < 0) {
        throw new ChannelException.EndedEarly("The other end closed the connection at once");
      }
    }
    return all.array();
  }

  /**
   * Reads the next frame, header and payload.
   *
   * @return false if the peer ended the link instead
   */
  boolean next() throws ChannelException {
    head.clear();
    while (head.hasRemaining()) {
      if (read(head) < 0) {
        if (head.position() == 0) {
          return false;
        }
        throw new ChannelException.Lost("The link ended in the middle of a frame");
      }
    }
    try {
      header.decode(head.flip());
    } catch (ChannelException.Lost e) {
      damaged = true;
      throw e;
    }
    if (header.length() > payload.capacity()) {
      throw new ChannelException.Violated(
          "A frame of "
              + header.length()
              + " bytes came where at most "
              + payload.capacity()
              + " were agreed");
    }
    payload.clear().limit(header.length());
    while (payload.hasRemaining()) {
      if (read(payload) < 0) {
        throw new ChannelException.Lost("The link ended in the middle of a frame");
      }
    }
    payload.flip();
    return true;
  }

  /** Reads what still comes, for nobody, until the peer has ended the link or it is lost. */
  void drain() {
    try {
      while (channel.read(payload.clear()) >= 0) {
        // Whoever closes before the peer may take away what it has not read yet.
      }
    } catch (ChannelException ignored) {
      // It is lost, and nobody waits for what it would have brought.
    }
  }

  /** A read whose failures are the link's, whatever the provider calls them. */
  private int read(ByteBuffer dst) throws ChannelException {
    try {
      int bytes = channel.read(dst);
      heardNanos = System.nanoTime();
      return bytes;
    } catch (ChannelException e) {
      throw new ChannelException.Lost(e.getMessage(), e);
    }
  }

  FrameHeader header() {
    return header;
  }

  /** The payload of the frame read last; valid until the next one. */
  ByteBuffer payload() {
    return payload;
  }

  /** The same as memory. */
  MemorySegment memory() {
    return MemorySegment.ofBuffer(payload);
  }

  /** Whether the payload arrived as it was sent. */
  boolean isPayloadWhole() {
    return header.payloadCrc() == header.crcOf(payload);
  }

  /** Whether the link ended because something on it was damaged. */
  boolean isDamaged() {
    return damaged;
  }

  /**
   * The payload, which has to be whole: without it nobody knows what was meant.
   *
   * @throws ChannelException.Lost if it is damaged
   */
  ByteBuffer wholePayload() throws ChannelException {
    if (!isPayloadWhole()) {
      damaged = true;
      throw new ChannelException.Lost("A frame arrived damaged");
    }
    return payload;
  }
}
