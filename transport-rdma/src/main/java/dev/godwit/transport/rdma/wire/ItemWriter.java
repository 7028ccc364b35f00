package dev.godwit.transport.rdma.wire;

import java.nio.ByteBuffer;

/**
 * Fills the payload of a STREAM frame with items, each of which stands for a piece of the stream.
 * All numbers are big endian.
 *
 * <pre>
 * written:  0 be32 length of the bytes, from 1 on; bit 31 is clear
 *           4      the bytes
 *
 * put:      0 be32 the region's id, with bit 31 set
 *           4 be64 offset in the region
 *          12 be64 length of what was put there, from 1 on
 *          20
 * </pre>
 *
 * Bytes that follow bytes, and a put that goes on where the last one ended, make the last item
 * longer. Not safe for use by many threads.
 */
public final class ItemWriter {
  static final int WRITTEN_BYTES = 4;
  static final int PUT_BYTES = 20;
  static final int PUT_BIT = 1 << 31;
  static final int PUT_OFFSET_AT = 4;
  static final int PUT_LENGTH_AT = 12;

  private static final int NONE = -1;

  private ByteBuffer frame = ByteBuffer.allocate(0);
  private int position;
  private int limit;
  private int written = NONE;
  private int put = NONE;
  private long putEnd;

  /**
   * Begins the payload of a frame.
   *
   * @param buffer stays in use until the next frame is begun
   * @param frameBytes how long the frame may become
   */
  public void begin(ByteBuffer buffer, int frameBytes) {
    frame = buffer;
    position = Frame.HEADER_BYTES;
    limit = frameBytes;
    written = NONE;
    put = NONE;
  }

  public boolean isEmpty() {
    return position == Frame.HEADER_BYTES;
  }

  /** How long the payload is by now. */
  public int payloadBytes() {
    return position - Frame.HEADER_BYTES;
  }

  /** Whether a put can be recorded, even if it has to be an item of its own. */
  public boolean hasRoomForPut() {
    return limit - position >= PUT_BYTES;
  }

  /** How many bytes can be written. */
  public int room() {
    int room = limit - position - (written == NONE ? WRITTEN_BYTES : 0);
    return Math.max(0, room);
  }

  /** Takes the next {@code length} bytes of {@code src}, of which there is {@link #room}. */
  public void write(ByteBuffer src, int length) {
    if (written == NONE) {
      written = position;
      put = NONE;
      position += WRITTEN_BYTES;
      frame.putInt(written, 0);
    }
    frame.put(position, src, src.position(), length);
    src.position(src.position() + length);
    position += length;
    frame.putInt(written, position - written - WRITTEN_BYTES);
  }

  /** Records a put; there {@linkplain #hasRoomForPut is room} for it. */
  public void put(int region, long offset, long length) {
    int id = region | PUT_BIT;
    if (put != NONE && frame.getInt(put) == id && putEnd == offset) {
      frame.putLong(put + PUT_LENGTH_AT, frame.getLong(put + PUT_LENGTH_AT) + length);
    } else {
      put = position;
      written = NONE;
      frame.putInt(put, id);
      frame.putLong(put + PUT_OFFSET_AT, offset);
      frame.putLong(put + PUT_LENGTH_AT, length);
      position += PUT_BYTES;
    }
    putEnd = offset + length;
  }
}
