package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.nio.ByteBuffer;
import java.time.Duration;

/** Holds each write and each put up for the same time before it hands it on. */
final class DelayChannel extends WaitingChannel {
  private final Duration delay;

  DelayChannel(Channel inner, Duration delay) {
    super(inner);
    this.delay = delay;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    gate().await(Deadline.after(delay));
    inner().write(src);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    gate().await(Deadline.after(delay));
    inner().put(src, srcOffset, dst, dstOffset, length);
  }
}
