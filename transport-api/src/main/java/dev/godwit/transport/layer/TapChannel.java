package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Records what passes. Live memory may change between a look and a put, so what is put is a copy
 * that was recorded.
 */
final class TapChannel extends ForwardingChannel {
  private static final long STAGE_BYTES = 1 << 20;

  private final Recording out;
  private final Recording in;
  private @Nullable Stage stage;
  private long staged;

  TapChannel(Channel inner, Recording out, Recording in) {
    super(inner);
    this.out = out;
    this.in = in;
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    int start = dst.position();
    int read = inner().read(dst);
    if (read > 0) {
      in.add(dst.slice(start, read));
    }
    return read;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    for (ByteBuffer buffer : src) {
      out.add(buffer);
    }
    inner().write(src);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    checkPut(src, srcOffset, dst, dstOffset, length);
    Stage copies = stage();
    for (long done = 0; done < length; ) {
      if (staged == STAGE_BYTES) {
        inner().settle();
        staged = 0;
      }
      long part = Math.min(STAGE_BYTES - staged, length - done);
      MemorySegment copy = copies.memory().asSlice(staged, part);
      copy.copyFrom(src.memory().asSlice(srcOffset + done, part));
      out.add(copy);
      inner().put(copies.region(), staged, dst, dstOffset + done, part);
      staged += part;
      done += part;
    }
  }

  private Stage stage() throws ChannelException {
    Stage copies = stage;
    if (copies == null) {
      copies = new Stage(inner(), "tap", STAGE_BYTES);
      stage = copies;
    }
    return copies;
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    inner().get(dst, dstOffset, length);
    in.add(dst.memory().asSlice(dstOffset, length));
  }

  @Override
  public void close() throws ChannelException {
    try {
      inner().close();
    } finally {
      out.close();
      in.close();
      if (stage != null) {
        stage.close();
      }
    }
  }
}
