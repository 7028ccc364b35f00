package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The 32 bytes before every payload, big-endian (docs/sessions.md, "Frames"). One instance decodes
 * one header after the other and allocates nothing for it; not safe for use by many threads.
 *
 * <pre>
 *    0  u8   type
 *    1  u8   0
 *    2  u16  stream
 *    4  u32  length of the payload
 *    8  u64  position
 *   16  u64  value
 *   24  u32  CRC32C of the payload
 *   28  u32  CRC32C of bytes 0 to 27
 * </pre>
 */
public final class FrameHeader {
  public static final int BYTES = 32;

  /** The most that any frame carries: what a receiver has to have room for. */
  public static final int MAX_PAYLOAD_BYTES = 1024 * 1024;

  private static final int TYPE = 0;
  private static final int ZERO = 1;
  private static final int STREAM = 2;
  private static final int LENGTH = 4;
  private static final int POSITION = 8;
  private static final int VALUE = 16;
  private static final int PAYLOAD_CRC = 24;
  private static final int HEADER_CRC = 28;

  private final CRC32C crc = new CRC32C();
  private FrameType type = FrameType.BEAT;
  private int stream;
  private int length;
  private long position;
  private long value;
  private int payloadCrc;

  /**
   * Writes a header into the next 32 bytes of {@code dst}, which stays yours.
   *
   * @param payloadCrc CRC32C of the payload, 0 where there is none
   */
  public void encode(
      ByteBuffer dst,
      FrameType type,
      int stream,
      int length,
      long position,
      long value,
      int payloadCrc) {
    int at = dst.position();
    dst.put(at + TYPE, (byte) type.code());
    dst.put(at + ZERO, (byte) 0);
    dst.putShort(at + STREAM, (short) stream);
    dst.putInt(at + LENGTH, length);
    dst.putLong(at + POSITION, position);
    dst.putLong(at + VALUE, value);
    dst.putInt(at + PAYLOAD_CRC, payloadCrc);
    dst.putInt(at + HEADER_CRC, crcOf(dst, at, HEADER_CRC));
    dst.position(at + BYTES);
  }

  /**
   * Reads the next 32 bytes of {@code src}, which stays yours.
   *
   * @throws ChannelException.Lost if the header was damaged on its way, so that nobody knows where
   *     the next one begins
   * @throws ChannelException.Violated if it is whole and makes no sense
   */
  public void decode(ByteBuffer src) throws ChannelException {
    int at = src.position();
    if (src.getInt(at + HEADER_CRC) != crcOf(src, at, HEADER_CRC)) {
      throw new ChannelException.Lost("A frame's header arrived damaged");
    }
    int code = Byte.toUnsignedInt(src.get(at + TYPE));
    type =
        FrameType.of(code)
            .orElseThrow(() -> new ChannelException.Violated("There is no frame of type " + code));
    stream = Short.toUnsignedInt(src.getShort(at + STREAM));
    length = src.getInt(at + LENGTH);
    position = src.getLong(at + POSITION);
    value = src.getLong(at + VALUE);
    payloadCrc = src.getInt(at + PAYLOAD_CRC);
    if (length < 0 || length > MAX_PAYLOAD_BYTES) {
      throw new ChannelException.Violated(
          "A frame of " + Integer.toUnsignedString(length) + " bytes is too long");
    }
    if (position < 0 || value < 0) {
      throw new ChannelException.Violated("A frame stands at a negative position");
    }
    src.position(at + BYTES);
  }

  /** CRC32C of what remains of {@code payload}, whose position is left as it is. */
  public int crcOf(ByteBuffer payload) {
    return crcOf(payload, payload.position(), payload.remaining());
  }

  /** CRC32C of two pieces one after the other; their positions are left as they are. */
  public int crcOf(ByteBuffer first, ByteBuffer second) {
    crc.reset();
    update(first, first.position(), first.remaining());
    update(second, second.position(), second.remaining());
    return (int) crc.getValue();
  }

  private int crcOf(ByteBuffer buffer, int at, int bytes) {
    crc.reset();
    update(buffer, at, bytes);
    return (int) crc.getValue();
  }

  private void update(ByteBuffer buffer, int at, int bytes) {
    int position = buffer.position();
    int limit = buffer.limit();
    buffer.limit(at + bytes).position(at);
    crc.update(buffer);
    buffer.limit(limit).position(position);
  }

  public FrameType type() {
    return type;
  }

  /** The stream that it belongs to; 0 also where it belongs to none. */
  public int stream() {
    return stream;
  }

  /** How many bytes of payload follow. */
  public int length() {
    return length;
  }

  /** A place in the stream, or what else the type counts; not negative. */
  public long position() {
    return position;
  }

  /** What the type says; not negative. */
  public long value() {
    return value;
  }

  public int payloadCrc() {
    return payloadCrc;
  }
}
