package dev.godwit.transport.memory;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.LongAdder;

/** One end of a connection within this process. */
final class MemoryChannel implements Channel {
  private final ChannelInfo info;
  private final ChannelLifecycle lifecycle;
  private final Lane out;
  private final Lane in;
  private final Runnable released;
  private final LongAdder read = new LongAdder();
  private final LongAdder written = new LongAdder();
  private final LongAdder got = new LongAdder();
  private final LongAdder put = new LongAdder();

  /**
   * @param released called once, when the channel is closed
   */
  MemoryChannel(ChannelInfo info, Lane out, Lane in, Runnable released) {
    this.info = info;
    this.lifecycle = new ChannelLifecycle(info.local().scheme() + ":" + info.local().address());
    this.out = out;
    this.in = in;
    this.released = released;
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (!dst.hasRemaining()) {
      throw new IllegalArgumentException("There is no room to read into");
    }
    lifecycle.requireInput();
    try {
      int part = (int) in.read(MemorySegment.ofBuffer(dst));
      if (part > 0) {
        dst.position(dst.position() + part);
        read.add(part);
      }
      return part;
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    lifecycle.requireOutput();
    try {
      for (ByteBuffer buffer : src) {
        int length = buffer.remaining();
        out.write(MemorySegment.ofBuffer(buffer));
        buffer.position(buffer.limit());
        written.add(length);
      }
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    StreamRegions.checkTarget(dst, dstOffset, length);
    lifecycle.requireOutput();
    try {
      out.put(src, srcOffset, dst, dstOffset, length);
      put.add(length);
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    lifecycle.requireInput();
    try {
      in.get(dst, dstOffset, length);
      got.add(length);
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void flush() throws ChannelException {
    lifecycle.requireInput();
    out.flush();
  }

  @Override
  public void settle() throws ChannelException {
    lifecycle.requireInput();
    try {
      out.settle();
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void barrier() throws ChannelException {
    lifecycle.requireInput();
    try {
      out.arrive();
      in.meet();
      out.awaitMet();
    } catch (ChannelException e) {
      throw failed(e);
    }
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    if (lifecycle.endOutput()) {
      try {
        out.end();
      } catch (ChannelException e) {
        throw failed(e);
      }
    }
  }

  @Override
  public void abort(Throwable cause) {
    if (lifecycle.abort(cause)) {
      sever("The peer aborted the connection");
    }
  }

  @Override
  public ChannelStats stats() {
    return new ChannelStats(
        read.sum(), written.sum(), got.sum(), put.sum(), out.outstandingPuts(), false);
  }

  @Override
  public void close() throws ChannelException {
    boolean whole = lifecycle.first().isEmpty();
    if (!lifecycle.close()) {
      return;
    }
    try {
      if (whole) {
        out.end();
      } else {
        sever("The peer failed");
      }
    } finally {
      in.deafen();
      out.rest();
      in.rest();
      released.run();
    }
  }

  /**
   * What to throw for {@code failure}. That the peer ended early leaves the other direction as it
   * is; all else ends the connection.
   */
  private ChannelException failed(ChannelException failure) {
    if (failure instanceof ChannelException.EndedEarly) {
      return failure;
    }
    ChannelException first = lifecycle.fail(failure);
    sever("The peer failed");
    return first;
  }

  private void sever(String why) {
    out.sever(why);
    in.sever(why);
  }

  @Override
  public String toString() {
    return info.local() + " #" + info.serial();
  }
}
