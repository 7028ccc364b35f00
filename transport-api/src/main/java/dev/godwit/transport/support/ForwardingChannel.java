package dev.godwit.transport.support;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.nio.ByteBuffer;

/**
 * Hands everything on to an inner channel, which it owns. A layer extends it and overrides what it
 * is there for.
 */
public class ForwardingChannel implements Channel {
  private final Channel inner;

  protected ForwardingChannel(Channel inner) {
    this.inner = inner;
  }

  /** The channel beneath. */
  protected final Channel inner() {
    return inner;
  }

  /**
   * Checks a whole put before a layer takes it apart: a put of nothing where it ends fails as the
   * whole would have, and touches nothing.
   */
  protected final void checkPut(
      Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    StreamRegions.checkTarget(dst, dstOffset, length);
    inner.put(src, srcOffset + length, dst, dstOffset + length, 0);
  }

  @Override
  public ChannelInfo info() {
    return inner.info();
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    return inner.read(dst);
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    inner.write(src);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    inner.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    inner.get(dst, dstOffset, length);
  }

  @Override
  public void flush() throws ChannelException {
    inner.flush();
  }

  @Override
  public void settle() throws ChannelException {
    inner.settle();
  }

  @Override
  public void barrier() throws ChannelException {
    inner.barrier();
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    inner.shutdownOutput();
  }

  @Override
  public void abort(Throwable cause) {
    inner.abort(cause);
  }

  @Override
  public ChannelStats stats() {
    return inner.stats();
  }

  @Override
  public void close() throws ChannelException {
    inner.close();
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + " over " + inner;
  }
}
