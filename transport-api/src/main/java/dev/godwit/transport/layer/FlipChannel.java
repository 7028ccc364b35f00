package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Inverts one bit of one byte on its way out; the sender's own memory stays as it is. */
final class FlipChannel extends ForwardingChannel {
  private static final long STAGE_BYTES = 4096;

  private final long at;
  private final byte mask;
  private long sent;
  private @Nullable Stage stage;

  /**
   * @param at which byte sent, the first being 1
   */
  FlipChannel(Channel inner, long at) {
    super(inner);
    this.at = at;
    this.mask = (byte) (1 << (at & 7));
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    long length = 0;
    for (ByteBuffer buffer : src) {
      length += buffer.remaining();
    }
    long before = before(length);
    if (before == length) {
      inner().write(src);
    } else {
      writeDamaged(before, src);
    }
    sent += length;
  }

  private void writeDamaged(long before, ByteBuffer... src) throws ChannelException {
    ByteBuffer[] damaged = src.clone();
    for (int i = 0; i < src.length; i++) {
      if (before >= 0 && before < src[i].remaining()) {
        ByteBuffer copy = ByteBuffer.allocate(src[i].remaining()).put(src[i].duplicate()).flip();
        copy.put((int) before, (byte) (copy.get((int) before) ^ mask));
        damaged[i] = copy;
      }
      before -= src[i].remaining();
    }
    inner().write(damaged);
    for (ByteBuffer buffer : src) {
      buffer.position(buffer.limit());
    }
  }

  /**
   * How many of the next {@code length} bytes stand before the victim; all of them if it is later.
   */
  private long before(long length) {
    long before = at - 1 - sent;
    return before < 0 ? length : Math.min(before, length);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    checkPut(src, srcOffset, dst, dstOffset, length);
    long before = before(length);
    inner().put(src, srcOffset, dst, dstOffset, before);
    if (before < length) {
      long part = Math.min(STAGE_BYTES, length - before);
      Stage damaged = damaged(src.memory().asSlice(srcOffset + before, part));
      inner().put(damaged.region(), 0, dst, dstOffset + before, part);
      long rest = before + part;
      inner().put(src, srcOffset + rest, dst, dstOffset + rest, length - rest);
    }
    sent += length;
  }

  /** It must live until the channel is settled for good. */
  private Stage damaged(MemorySegment bytes) throws ChannelException {
    Stage damaged = new Stage(inner(), "fault-flip", bytes.byteSize());
    stage = damaged;
    MemorySegment copy = damaged.memory().copyFrom(bytes);
    copy.set(ValueLayout.JAVA_BYTE, 0, (byte) (copy.get(ValueLayout.JAVA_BYTE, 0) ^ mask));
    return damaged;
  }

  @Override
  public void close() throws ChannelException {
    try {
      inner().close();
    } finally {
      if (stage != null) {
        stage.close();
      }
    }
  }
}
