package dev.godwit.transport.memory;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.support.InlinePlacement;
import java.nio.ByteBuffer;

/** Stands for a layer that encrypts: bytes are masked, and placed bytes go the way of all bytes. */
final class MaskingChannel extends ForwardingChannel {
  private static final byte MASK = 0x5a;

  private final InlinePlacement placement = new InlinePlacement(this);

  MaskingChannel(Channel inner) {
    super(inner);
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    for (ByteBuffer buffer : src) {
      ByteBuffer masked = ByteBuffer.allocate(buffer.remaining());
      while (buffer.hasRemaining()) {
        masked.put((byte) (buffer.get() ^ MASK));
      }
      inner().write(masked.flip());
    }
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    int start = dst.position();
    int read = inner().read(dst);
    for (int i = start; i < dst.position(); i++) {
      dst.put(i, (byte) (dst.get(i) ^ MASK));
    }
    return read;
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    placement.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    placement.get(dst, dstOffset, length);
  }
}
