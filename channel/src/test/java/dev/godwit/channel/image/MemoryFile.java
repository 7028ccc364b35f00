package dev.godwit.channel.image;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;

/** A file in memory with any number of channels onto it; knows which of its pages were written. */
public final class MemoryFile {
  static final int PAGE_BYTES = 4096;

  private static final Endpoint NAME = Endpoint.parse("file:/memory");
  private static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.LOCAL, true, true, true);

  private final byte[] bytes;
  private final MemorySegment memory;
  private final BitSet written = new BitSet();
  private final AtomicLong calls = new AtomicLong();
  private int size;

  /** A file without a byte, which will not grow beyond {@code capacityBytes}. */
  MemoryFile(int capacityBytes) {
    this(new byte[capacityBytes], 0);
  }

  private MemoryFile(byte[] bytes, int size) {
    this.bytes = bytes;
    this.memory = MemorySegment.ofArray(bytes);
    this.size = size;
  }

  /** A file with these bytes, which stay the caller's to change. */
  public static MemoryFile of(byte[] content) {
    return new MemoryFile(content, content.length);
  }

  public PositionedChannel open(long position) {
    return new Opened(position);
  }

  byte[] content() {
    return Arrays.copyOf(bytes, size);
  }

  /** Puts and gets so far. */
  long placements() {
    return calls.get();
  }

  boolean wasWritten(long offset) {
    return written.get(Math.toIntExact(offset / PAGE_BYTES));
  }

  private synchronized void written(long from, long length) {
    size = Math.max(size, Math.toIntExact(from + length));
    written.set((int) (from / PAGE_BYTES), (int) ((from + length - 1) / PAGE_BYTES) + 1);
  }

  private synchronized long left(long position) {
    return Math.max(0, size - position);
  }

  private final class Opened implements PositionedChannel {
    private final ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            NAME,
            NAME,
            new PeerIdentity.Unknown(),
            CAPABILITIES,
            new StreamRegions());
    private final ChannelLifecycle lifecycle = new ChannelLifecycle("file:/memory");
    private long position;

    Opened(long position) {
      this.position = position;
    }

    @Override
    public ChannelInfo info() {
      return info;
    }

    @Override
    public long position() throws ChannelException {
      lifecycle.requireInput();
      return position;
    }

    @Override
    public void position(long to) throws ChannelException {
      lifecycle.requireInput();
      if (to < 0) {
        throw new IndexOutOfBoundsException("A file has no position " + to);
      }
      position = to;
    }

    @Override
    public int read(ByteBuffer dst) throws ChannelException {
      lifecycle.requireInput();
      int part = (int) Math.min(dst.remaining(), left(position));
      if (part == 0) {
        return -1;
      }
      dst.put(bytes, (int) position, part);
      position += part;
      return part;
    }

    @Override
    public void write(ByteBuffer... src) throws ChannelException {
      lifecycle.requireOutput();
      for (ByteBuffer buffer : src) {
        int part = buffer.remaining();
        if (part > 0) {
          buffer.get(bytes, Math.toIntExact(position), part);
          written(position, part);
          position += part;
        }
      }
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
        throws ChannelException {
      lifecycle.requireOutput();
      calls.incrementAndGet();
      MemorySegment.copy(src.memory(), srcOffset, memory, position, length);
      written(position, length);
      position += length;
    }

    @Override
    public void get(Region dst, long dstOffset, long length) throws ChannelException {
      lifecycle.requireInput();
      calls.incrementAndGet();
      long part = Math.min(length, left(position));
      MemorySegment.copy(memory, part == 0 ? 0 : position, dst.memory(), dstOffset, part);
      position += part;
      if (part < length) {
        throw lifecycle.fail(new ChannelException.EndedEarly("The file ended"));
      }
    }

    @Override
    public void flush() throws ChannelException {
      lifecycle.requireInput();
    }

    @Override
    public void settle() throws ChannelException {
      lifecycle.requireInput();
    }

    @Override
    public void barrier() throws ChannelException {
      lifecycle.requireInput();
    }

    @Override
    public void shutdownOutput() throws ChannelException {
      lifecycle.endOutput();
    }

    @Override
    public void abort(Throwable cause) {
      lifecycle.abort(cause);
    }

    @Override
    public ChannelStats stats() {
      return new ChannelStats(0, 0, 0, 0, 0, false);
    }

    @Override
    public void close() {
      lifecycle.close();
    }
  }
}
