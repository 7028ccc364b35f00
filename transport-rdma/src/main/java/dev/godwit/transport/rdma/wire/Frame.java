package dev.godwit.transport.rdma.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * The header that each frame begins with. A frame is one SEND, and fills one receive of the peer.
 * All numbers are big endian.
 *
 * <pre>
 *  0 u8   type
 *  1 u8   zero
 *  2 be16 credits for frames of the stream that the sender gives back
 *  4 be16 credits for control frames that the sender gives back
 *  6 be16 zero
 *  8 be32 length of the payload, in bytes
 * 12 be32 zero
 * 16 be64 landed: how many put bytes this frame and those before it on the channel announce
 * 24      payload
 * </pre>
 *
 * A frame is read where it landed, in the receiver's own memory; nothing is allocated.
 */
public final class Frame {
  public static final int HEADER_BYTES = 24;

  /** Control frames that the receiver has room for. */
  public static final int CONTROL_SLOTS = 8;

  /**
   * Receives for frames that take no credit. A CREDIT frame gives back at least half of the credits
   * of one kind. What was given back and not yet looked at is never more than all of a kind, since
   * nobody can use a credit of which he does not know. So at most two CREDIT frames of each kind
   * wait at the receiver, which is four; the other two are the one END and the one ABORT.
   */
  public static final int RESERVE = 6;

  private static final int TYPE_AT = 0;
  private static final int STREAM_CREDITS_AT = 2;
  private static final int CONTROL_CREDITS_AT = 4;
  private static final int LENGTH_AT = 8;
  private static final int LANDED_AT = 16;

  private Frame() {}

  /** How many receives a side posts that lets its peer have so many stream frames under way. */
  public static int receives(int streamSlots) {
    return streamSlots + CONTROL_SLOTS + RESERVE;
  }

  /** Writes the header at the buffer's beginning, whatever its position. */
  public static void encode(
      ByteBuffer frame,
      FrameType type,
      int streamCredits,
      int controlCredits,
      int payloadBytes,
      long landed) {
    frame.putShort(TYPE_AT, (short) (type.code() << 8));
    frame.putShort(STREAM_CREDITS_AT, (short) streamCredits);
    frame.putInt(CONTROL_CREDITS_AT, controlCredits << 16);
    frame.putInt(LENGTH_AT, payloadBytes);
    frame.putInt(LENGTH_AT + Integer.BYTES, 0);
    frame.putLong(LANDED_AT, landed);
  }

  /**
   * Checks the header of what arrived; after that the methods below may be asked.
   *
   * @param received how many bytes arrived
   * @return the frame's type
   * @throws ChannelException.Violated if it is no frame
   */
  public static FrameType check(ByteBuffer frame, int received) throws ChannelException {
    if (received < HEADER_BYTES || received > frame.capacity()) {
      throw new ChannelException.Violated("The peer sent a frame of " + received + " bytes");
    }
    int code = Byte.toUnsignedInt(frame.get(TYPE_AT));
    FrameType type = FrameType.of(code);
    if (type == null) {
      throw new ChannelException.Violated("The peer sent a frame of the unknown type " + code);
    }
    if (frame.getInt(LENGTH_AT) != received - HEADER_BYTES) {
      throw new ChannelException.Violated(
          "The peer sent "
              + (received - HEADER_BYTES)
              + " bytes in a frame that claims "
              + Integer.toUnsignedString(frame.getInt(LENGTH_AT)));
    }
    return type;
  }

  public static int streamCredits(ByteBuffer frame) {
    return Short.toUnsignedInt(frame.getShort(STREAM_CREDITS_AT));
  }

  public static int controlCredits(ByteBuffer frame) {
    return Short.toUnsignedInt(frame.getShort(CONTROL_CREDITS_AT));
  }

  public static int payloadBytes(ByteBuffer frame) {
    return frame.getInt(LENGTH_AT);
  }

  public static long landed(ByteBuffer frame) {
    return frame.getLong(LANDED_AT);
  }
}
