package dev.godwit.transport.testkit;

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
import dev.godwit.transport.support.StreamRegions;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * A channel that reads bytes which are given, at any place, and keeps those that are written behind
 * each other. It has no thread, no peer and no state but its place, and costs nothing to make.
 */
public class ArrayChannel implements PositionedChannel {
  private static final Endpoint HERE = Endpoint.parse("mem:here");
  private static final Endpoint THERE = Endpoint.parse("mem:there");

  private final byte[] input;
  private final int length;
  private final int mostBytes;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private final ChannelInfo info;
  private long position;
  private int barriers;

  /**
   * @param input stays the caller's, who may change it
   * @param length how many bytes of the input there are before an orderly end
   * @param mostBytes that one read gives
   */
  public ArrayChannel(byte[] input, int length, int mostBytes, Placement placement) {
    this(input, length, mostBytes, placement, true);
  }

  private ArrayChannel(
      byte[] input, int length, int mostBytes, Placement placement, boolean bothWays) {
    this.input = input;
    this.length = length;
    this.mostBytes = mostBytes;
    this.info =
        new ChannelInfo(
            1,
            HERE,
            THERE,
            new PeerIdentity.Unknown(),
            new Capabilities(placement, Protection.LOCAL, false, bothWays, true),
            new StreamRegions());
  }

  /** An inline channel that reads all of {@code input}. */
  public static ArrayChannel of(byte[] input) {
    return of(input, input.length);
  }

  /** An inline channel that reads the first {@code length} bytes of {@code input}. */
  public static ArrayChannel of(byte[] input, int length) {
    return new ArrayChannel(input, length, Integer.MAX_VALUE, Placement.INLINE);
  }

  /** An inline channel that takes bytes, and never gives any. */
  public static ArrayChannel sink() {
    return new ArrayChannel(new byte[0], 0, Integer.MAX_VALUE, Placement.INLINE, false);
  }

  /** What was written so far. */
  public byte[] written() {
    return output.toByteArray();
  }

  /** How often {@link #barrier} was called. */
  public int barriers() {
    return barriers;
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void position(long to) {
    position = to;
  }

  private int left(long wanted) {
    return (int) Math.max(0, Math.min(wanted, length - position));
  }

  @Override
  public int read(ByteBuffer dst) {
    int part = left(Math.min(mostBytes, dst.remaining()));
    if (part == 0) {
      return -1;
    }
    dst.put(input, (int) position, part);
    position += part;
    return part;
  }

  @Override
  public void write(ByteBuffer... src) {
    for (ByteBuffer part : src) {
      byte[] bytes = new byte[part.remaining()];
      part.get(bytes);
      output.writeBytes(bytes);
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
    throw new AssertionError("Nothing is put here");
  }

  @Override
  public void get(Region dst, long dstOffset, long wanted) throws ChannelException {
    int part = left(wanted);
    if (part > 0) {
      MemorySegment.copy(MemorySegment.ofArray(input), position, dst.memory(), dstOffset, part);
      position += part;
    }
    if (part < wanted) {
      throw new ChannelException.EndedEarly("There is no more");
    }
  }

  @Override
  public void flush() {}

  @Override
  public void settle() {}

  @Override
  public void barrier() {
    barriers++;
  }

  @Override
  public void shutdownOutput() {}

  @Override
  public void abort(Throwable cause) {}

  @Override
  public ChannelStats stats() {
    return new ChannelStats(0, 0, 0, 0, 0, false);
  }

  @Override
  public void close() {}
}
