package dev.godwit.transport.support;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Put and get over a channel's own write and read, through a staged copy: for layers that protect
 * or change bytes. One instance serves one channel; its put and its get may run at the same time.
 * Allocates nothing after its first use.
 */
public final class InlinePlacement {
  private static final int STAGE_BYTES = 256 * 1024;

  private final Channel channel;
  private final Stage out = new Stage();
  private final Stage in = new Stage();

  /**
   * @param channel whose {@code write} and {@code read} carry the bytes, normally the layer itself
   */
  public InlinePlacement(Channel channel) {
    this.channel = channel;
  }

  /** Writes the bytes of {@code src}; where they land is known to the reader. */
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    StreamRegions.checkTarget(dst, dstOffset, length);
    MemorySegment memory = src.memory();
    ByteBuffer buffer = out.buffer();
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(STAGE_BYTES, length - done);
      MemorySegment.copy(memory, srcOffset + done, out.segment(), 0, part);
      channel.write(buffer.clear().limit(part));
      done += part;
    }
  }

  /** Reads the next bytes into {@code dst}. */
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    MemorySegment memory = dst.memory();
    ByteBuffer buffer = in.buffer();
    for (long done = 0; done < length; ) {
      int read = channel.read(buffer.clear().limit((int) Math.min(STAGE_BYTES, length - done)));
      if (read < 0) {
        throw new ChannelException.EndedEarly(
            "The peer ended " + (length - done) + " bytes before the end of what it was to place");
      }
      MemorySegment.copy(in.segment(), 0, memory, dstOffset + done, read);
      done += read;
    }
  }

  /** A buffer and its segment, made when first needed. */
  private static final class Stage {
    private ByteBuffer buffer = ByteBuffer.allocate(0);
    private MemorySegment segment = MemorySegment.NULL;

    ByteBuffer buffer() {
      if (buffer.capacity() == 0) {
        buffer = ByteBuffer.allocateDirect(STAGE_BYTES);
        segment = MemorySegment.ofBuffer(buffer);
      }
      return buffer;
    }

    MemorySegment segment() {
      return segment;
    }
  }
}
