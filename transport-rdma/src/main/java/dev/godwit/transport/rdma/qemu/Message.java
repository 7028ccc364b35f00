package dev.godwit.transport.rdma.qemu;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A control message: a header, and the payload behind it (qemu-rdma-wire.md §4). All numbers are
 * big endian.
 *
 * <pre>
 *  0 be32 length of the payload
 *  4 be32 type
 *  8 be32 records in the payload; garbage in a FILE of QEMU 7.2
 * 12      4 bytes of anything
 * 16      the payload
 * </pre>
 */
public final class Message {
  public static final int HEADER_BYTES = 16;

  /** The longest message, header included; as much as QEMU receives into. */
  public static final int MAX_BYTES = 512 << 10;

  /** As much of the stream as QEMU puts into one message. */
  public static final int FILE_BYTES = 32 << 10;

  private static final int LENGTH_AT = 0;
  private static final int TYPE_AT = 4;
  private static final int REPEAT_AT = 8;
  private static final int PADDING_AT = 12;

  private Message() {}

  /** Writes the header of one record, or of bytes of the stream, at the buffer's beginning. */
  public static void encode(ByteBuffer frame, MessageType type, int payloadBytes) {
    frame.putInt(LENGTH_AT, payloadBytes);
    frame.putInt(TYPE_AT, type.code());
    frame.putInt(REPEAT_AT, 1);
    frame.putInt(PADDING_AT, 0);
  }

  /**
   * Checks the header of what arrived; after that {@link #payloadBytes} may be asked.
   *
   * @param received how many bytes arrived
   * @throws ChannelException.Violated if it is no message
   */
  public static MessageType check(ByteBuffer frame, int received) throws ChannelException {
    if (received < HEADER_BYTES || received > frame.capacity() || received > MAX_BYTES) {
      throw new ChannelException.Violated("The peer sent a message of " + received + " bytes");
    }
    int code = frame.getInt(TYPE_AT);
    MessageType type = MessageType.of(code);
    if (type == null) {
      throw new ChannelException.Violated(
          "The peer sent a message of the unknown type " + Integer.toUnsignedString(code));
    }
    if (frame.getInt(LENGTH_AT) != received - HEADER_BYTES) {
      throw new ChannelException.Violated(
          "The peer sent "
              + (received - HEADER_BYTES)
              + " bytes in a message "
              + type
              + " that claims "
              + Integer.toUnsignedString(frame.getInt(LENGTH_AT)));
    }
    if (type == MessageType.FILE && received == HEADER_BYTES) {
      throw new ChannelException.Violated("The peer sent a message FILE with nothing in it");
    }
    return type;
  }

  /** The type of a message whose header is checked. */
  public static MessageType type(ByteBuffer frame) {
    return Objects.requireNonNull(MessageType.of(frame.getInt(TYPE_AT)));
  }

  public static int payloadBytes(ByteBuffer frame) {
    return frame.getInt(LENGTH_AT);
  }

  /** How many records the sender says there are, as an unsigned number. */
  static long repeat(ByteBuffer frame) {
    return Integer.toUnsignedLong(frame.getInt(REPEAT_AT));
  }
}
