package dev.godwit.transport.rdma.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * What stands in the payload of a control frame. All numbers are big endian.
 *
 * <pre>
 * BARRIER, BARRIER_MET     0 be64 how many barriers of that side there were, this one included
 * END                      nothing
 * ABORT                    a sentence, up to 400 bytes of UTF-8
 * ADVERTISE                0 be32 region   4 be64 length   12 u8 1 if its keys come unasked, else 0
 *                          13 its name, 1 to 255 bytes of UTF-8
 * KEY_REQUEST, RELEASE,
 * RELEASED                 0 be32 region   4 be64 offset   12 be64 length
 * KEYS                     0 be32 region   4 be64 offset   12 be64 length   20 be64 address   28 be32 key
 * FORGET                   0 be32 region
 * </pre>
 *
 * Ids of regions count from 0 and are never used again.
 */
public sealed interface Control {
  /** The longest payload. */
  int MAX_PAYLOAD_BYTES = 400;

  /** More regions than a migration has RAM blocks, so that a hostile peer cannot fill memory. */
  int MAX_REGIONS = 1 << 16;

  int MAX_NAME_BYTES = 255;

  /** {@link FrameType#BARRIER}. */
  record Barrier(long count) implements Control {}

  /** {@link FrameType#BARRIER_MET}. */
  record BarrierMet(long count) implements Control {}

  /** {@link FrameType#END}. */
  record End() implements Control {}

  /** {@link FrameType#ABORT}. */
  record Abort(String sentence) implements Control {}

  /** {@link FrameType#ADVERTISE}. */
  record Advertise(int region, long length, boolean pinned, String name) implements Control {}

  /** {@link FrameType#KEY_REQUEST}. */
  record KeyRequest(int region, long offset, long length) implements Control {}

  /** {@link FrameType#KEYS}. */
  record Keys(int region, long offset, long length, long address, int key) implements Control {}

  /** {@link FrameType#RELEASE}. */
  record Release(int region, long offset, long length) implements Control {}

  /** {@link FrameType#RELEASED}. */
  record Released(int region, long offset, long length) implements Control {}

  /** {@link FrameType#FORGET}. */
  record Forget(int region) implements Control {}

  default FrameType type() {
    return switch (this) {
      case Barrier b -> FrameType.BARRIER;
      case BarrierMet b -> FrameType.BARRIER_MET;
      case End e -> FrameType.END;
      case Abort a -> FrameType.ABORT;
      case Advertise a -> FrameType.ADVERTISE;
      case KeyRequest k -> FrameType.KEY_REQUEST;
      case Keys k -> FrameType.KEYS;
      case Release r -> FrameType.RELEASE;
      case Released r -> FrameType.RELEASED;
      case Forget f -> FrameType.FORGET;
    };
  }

  /**
   * Writes the payload behind the header's place.
   *
   * @return its length in bytes
   */
  default int encode(ByteBuffer frame) {
    ByteBuffer out = frame.duplicate().position(Frame.HEADER_BYTES);
    switch (this) {
      case Barrier(long count) -> out.putLong(count);
      case BarrierMet(long count) -> out.putLong(count);
      case End() -> {}
      case Abort(String sentence) -> out.put(Text.encode(sentence, MAX_PAYLOAD_BYTES));
      case Advertise(int region, long length, boolean pinned, String name) ->
          out.putInt(region)
              .putLong(length)
              .put((byte) (pinned ? 1 : 0))
              .put(Text.encode(name, MAX_NAME_BYTES));
      case KeyRequest(int region, long offset, long length) -> range(out, region, offset, length);
      case Release(int region, long offset, long length) -> range(out, region, offset, length);
      case Released(int region, long offset, long length) -> range(out, region, offset, length);
      case Keys(int region, long offset, long length, long address, int key) ->
          range(out, region, offset, length).putLong(address).putInt(key);
      case Forget(int region) -> out.putInt(region);
    }
    return out.position() - Frame.HEADER_BYTES;
  }

  private static ByteBuffer range(ByteBuffer out, int region, long offset, long length) {
    return out.putInt(region).putLong(offset).putLong(length);
  }

  /**
   * Reads the payload of a frame whose header is checked.
   *
   * @throws ChannelException.Violated if it makes no sense
   */
  static Control decode(FrameType type, ByteBuffer frame) throws ChannelException {
    int length = Frame.payloadBytes(frame);
    if (length > MAX_PAYLOAD_BYTES) {
      throw wrong(type, "is " + length + " bytes long");
    }
    ByteBuffer in = frame.duplicate();
    in.limit(Frame.HEADER_BYTES + length).position(Frame.HEADER_BYTES);
    return switch (type) {
      case BARRIER -> new Barrier(exactly(type, in, 8).getLong());
      case BARRIER_MET -> new BarrierMet(exactly(type, in, 8).getLong());
      case END -> {
        exactly(type, in, 0);
        yield new End();
      }
      case ABORT -> new Abort(Text.printable(text(type, in)));
      case ADVERTISE -> advertise(in);
      case KEY_REQUEST -> {
        exactly(type, in, 20);
        yield new KeyRequest(region(type, in), offset(type, in), length(type, in));
      }
      case RELEASE -> {
        exactly(type, in, 20);
        yield new Release(region(type, in), offset(type, in), length(type, in));
      }
      case RELEASED -> {
        exactly(type, in, 20);
        yield new Released(region(type, in), offset(type, in), length(type, in));
      }
      case KEYS -> {
        exactly(type, in, 32);
        yield new Keys(
            region(type, in), offset(type, in), length(type, in), in.getLong(), in.getInt());
      }
      case FORGET -> new Forget(region(type, exactly(type, in, 4)));
      case STREAM, CREDIT -> throw new IllegalArgumentException(type + " is no control frame");
    };
  }

  private static Advertise advertise(ByteBuffer in) throws ChannelException {
    FrameType type = FrameType.ADVERTISE;
    if (in.remaining() < 14 || in.remaining() > 13 + MAX_NAME_BYTES) {
      throw wrong(type, "has a name of " + (in.remaining() - 13) + " bytes");
    }
    int region = region(type, in);
    long length = in.getLong();
    if (length < 0) {
      throw wrong(type, "has a region of " + length + " bytes");
    }
    boolean pinned = in.get() != 0;
    return new Advertise(region, length, pinned, text(type, in));
  }

  private static ByteBuffer exactly(FrameType type, ByteBuffer in, int bytes)
      throws ChannelException {
    if (in.remaining() != bytes) {
      throw wrong(type, "has " + in.remaining() + " bytes instead of " + bytes);
    }
    return in;
  }

  private static int region(FrameType type, ByteBuffer in) throws ChannelException {
    int region = in.getInt();
    if (region < 0 || region >= MAX_REGIONS) {
      throw wrong(type, "names region " + Integer.toUnsignedString(region));
    }
    return region;
  }

  private static long offset(FrameType type, ByteBuffer in) throws ChannelException {
    long offset = in.getLong();
    if (offset < 0) {
      throw wrong(type, "has the offset " + offset);
    }
    return offset;
  }

  /** Of a range whose offset was read before. */
  private static long length(FrameType type, ByteBuffer in) throws ChannelException {
    long offset = in.getLong(in.position() - Long.BYTES);
    long length = in.getLong();
    if (length <= 0 || offset > Long.MAX_VALUE - length) {
      throw wrong(type, "has the length " + length + " at the offset " + offset);
    }
    return length;
  }

  private static String text(FrameType type, ByteBuffer in) throws ChannelException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(in).toString();
    } catch (CharacterCodingException e) {
      throw wrong(type, "is not in UTF-8");
    }
  }

  private static ChannelException wrong(FrameType type, String how) {
    return new ChannelException.Violated("The peer sent a frame " + type + " that " + how);
  }
}
