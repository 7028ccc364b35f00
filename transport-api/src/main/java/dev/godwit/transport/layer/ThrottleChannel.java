package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.nio.ByteBuffer;

/** Sends no faster than its pace allows, in small pieces. */
final class ThrottleChannel extends WaitingChannel {
  private final Pace pace;

  ThrottleChannel(Channel inner, Pace pace) {
    super(inner);
    this.pace = pace;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    for (ByteBuffer buffer : src) {
      int end = buffer.limit();
      try {
        while (buffer.position() < end) {
          int part = Math.min(pace.pieceBytes(), end - buffer.position());
          pace.await(part, gate());
          inner().write(buffer.limit(buffer.position() + part));
        }
      } finally {
        buffer.limit(end);
      }
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    checkPut(src, srcOffset, dst, dstOffset, length);
    for (long done = 0; done < length; ) {
      long part = Math.min(pace.pieceBytes(), length - done);
      pace.await(part, gate());
      inner().put(src, srcOffset + done, dst, dstOffset + done, part);
      done += part;
    }
  }
}
