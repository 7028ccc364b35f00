package dev.godwit.transport.rdma.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * Takes the items of a STREAM frame apart, as {@link ItemWriter} draws them. {@link #check} has
 * looked at all of them before the first one is believed. Not safe for use by many threads.
 */
public final class ItemReader {

  /** Whether a put of the peer can be one. */
  @FunctionalInterface
  public interface Targets {
    /**
     * @throws ChannelException.Violated if there is no such place
     */
    void check(int region, long offset, long length) throws ChannelException;
  }

  private ByteBuffer frame = ByteBuffer.allocate(0);
  private int position;
  private int end;
  private boolean put;
  private int region;
  private long offset;
  private long remaining;

  /**
   * Checks every item of a frame, whose header is checked.
   *
   * @return how many bytes its puts placed
   * @throws ChannelException.Violated at the first thing that is wrong
   */
  public static long check(ByteBuffer frame, Targets targets) throws ChannelException {
    int position = Frame.HEADER_BYTES;
    int end = position + Frame.payloadBytes(frame);
    if (position == end) {
      throw new ChannelException.Violated("The peer sent a stream frame with nothing in it");
    }
    long placed = 0;
    while (position < end) {
      if (end - position < ItemWriter.WRITTEN_BYTES) {
        throw cut();
      }
      int head = frame.getInt(position);
      if ((head & ItemWriter.PUT_BIT) == 0) {
        if (head == 0 || head > end - position - ItemWriter.WRITTEN_BYTES) {
          throw new ChannelException.Violated(
              "The peer sent an item of "
                  + head
                  + " bytes where "
                  + (end - position - ItemWriter.WRITTEN_BYTES)
                  + " are left");
        }
        position += ItemWriter.WRITTEN_BYTES + head;
      } else {
        if (end - position < ItemWriter.PUT_BYTES) {
          throw cut();
        }
        int region = head & ~ItemWriter.PUT_BIT;
        long offset = frame.getLong(position + ItemWriter.PUT_OFFSET_AT);
        long length = frame.getLong(position + ItemWriter.PUT_LENGTH_AT);
        if (offset < 0 || length <= 0 || offset > Long.MAX_VALUE - length) {
          throw new ChannelException.Violated(
              "The peer says it put " + length + " bytes at offset " + offset);
        }
        targets.check(region, offset, length);
        if (placed > Long.MAX_VALUE - length) {
          throw new ChannelException.Violated("The peer says it put more than there can be");
        }
        placed += length;
        position += ItemWriter.PUT_BYTES;
      }
    }
    return placed;
  }

  private static ChannelException cut() {
    return new ChannelException.Violated("The peer sent a frame that ends within an item");
  }

  /** Begins with the first item of a frame that {@link #check} has passed. */
  public void begin(ByteBuffer checked) {
    frame = checked;
    position = Frame.HEADER_BYTES;
    end = position + Frame.payloadBytes(checked);
    remaining = 0;
    next();
  }

  /** Whether all of the frame, if there was one, is taken. */
  public boolean isDone() {
    return remaining == 0;
  }

  /** Whether what is next was put; else it was written. */
  public boolean isPut() {
    return put;
  }

  /** Where what is next was put. */
  public int region() {
    return region;
  }

  /** Where in the region what is next was put. */
  public long offset() {
    return offset;
  }

  /** How much of the item is left, in bytes. */
  public long remaining() {
    return remaining;
  }

  /** Takes written bytes into {@code dst}: all of the item, or what there is room for. */
  public int read(ByteBuffer dst) {
    int part = (int) Math.min(remaining, dst.remaining());
    dst.put(dst.position(), frame, position, part);
    dst.position(dst.position() + part);
    position += part;
    take(part);
    return part;
  }

  /** Takes {@code part} placed bytes, of those that remain. */
  public void take(long part) {
    remaining -= part;
    offset += part;
    if (remaining == 0 && position < end) {
      next();
    }
  }

  private void next() {
    int head = frame.getInt(position);
    put = (head & ItemWriter.PUT_BIT) != 0;
    if (put) {
      region = head & ~ItemWriter.PUT_BIT;
      offset = frame.getLong(position + ItemWriter.PUT_OFFSET_AT);
      remaining = frame.getLong(position + ItemWriter.PUT_LENGTH_AT);
      position += ItemWriter.PUT_BYTES;
    } else {
      remaining = head;
      position += ItemWriter.WRITTEN_BYTES;
    }
  }
}
