package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;

/** Loses the connection at one byte on its way out. */
final class CutChannel extends ForwardingChannel {
  private final long at;
  private final String fault;
  private long sent;

  /**
   * @param at which byte sent does not arrive any more, the first being 1
   * @param fault what the user asked for, for the message
   */
  CutChannel(Channel inner, long at, String fault) {
    super(inner);
    this.at = at;
    this.fault = fault;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    long length = 0;
    for (ByteBuffer buffer : src) {
      length += buffer.remaining();
    }
    long left = at - 1 - sent;
    if (length > left) {
      for (ByteBuffer buffer : src) {
        int part = (int) Math.min(left, buffer.remaining());
        inner().write(buffer.slice(buffer.position(), part));
        left -= part;
      }
      throw cut();
    }
    inner().write(src);
    sent += length;
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    checkPut(src, srcOffset, dst, dstOffset, length);
    long left = at - 1 - sent;
    if (length > left) {
      inner().put(src, srcOffset, dst, dstOffset, left);
      throw cut();
    }
    inner().put(src, srcOffset, dst, dstOffset, length);
    sent += length;
  }

  private ChannelException cut() throws ChannelException {
    sent = at - 1;
    inner().flush();
    ChannelException.Lost lost =
        new ChannelException.Lost("The connection was cut at byte " + at + " by " + fault);
    inner().abort(lost);
    return lost;
  }
}
