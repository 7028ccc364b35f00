package dev.godwit.transport.rdma.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * The private data of a connection's request and of its acceptance. All numbers are big endian.
 *
 * <pre>
 *  0 be32 1, the version that QEMU's dialect checks
 *  4 be32 flags: bit 31 says that more follows, bit 0 asks a QEMU to register whole blocks
 *  8 be64 magic
 * 16 be16 version of this protocol
 * 18 be16 number of the channel within its session
 * 20      session, 16 bytes; an acceptance echoes it
 * 36 be16 frames of the stream that the receiver may have under way
 * 38 be16 zero
 * 40 be32 the longest frame that the receiver may send, in bytes, header included
 * 44 be32 features
 * 48 be64 bytes that the receiver may have registered here at a time
 * 56
 * </pre>
 *
 * The first eight bytes are QEMU's own, and it ignores the flag. The connection manager pads with
 * zeros, so that nothing can be told from a length.
 *
 * @param channel from 0 to 65535
 * @param session what all channels of one migration have in common
 * @param slots see above, {@link #MIN_SLOTS} to {@link #MAX_SLOTS}
 * @param slotBytes see above, {@link #MIN_SLOT_BYTES} to {@link #MAX_SLOT_BYTES}
 * @param features a bit each, {@link #PIN_ALL}; unknown ones are ignored
 * @param registrableBytes see above
 */
public record Greeting(
    int channel, UUID session, int slots, int slotBytes, int features, long registrableBytes) {
  /** As long as a request can be over InfiniBand and RoCE. */
  public static final int BYTES = 56;

  /** Few enough for a be16 of credits, more than a fabric needs for its round trip. */
  public static final int MAX_SLOTS = 1024;

  /** So that half of them can be given back while the other half travels. */
  public static final int MIN_SLOTS = 2;

  /** The longest control frame fits: a name or a sentence, and what goes with it. */
  public static final int MIN_SLOT_BYTES = 1024;

  public static final int MAX_SLOT_BYTES = 16 << 20;

  /** Less would hold a few pages only. */
  public static final long MIN_REGISTRABLE_BYTES = 1 << 20;

  /** The sender of this greeting registers whole regions as soon as it can. */
  public static final int PIN_ALL = 1;

  /** This protocol. */
  public static final int VERSION = 1;

  private static final int QEMU_VERSION = 1;
  private static final int EXTENDED = 1 << 31;
  private static final int QEMU_PIN_ALL = 1;
  private static final long MAGIC =
      ByteBuffer.wrap("godwitRD".getBytes(StandardCharsets.US_ASCII)).getLong();

  private static final int QEMU_VERSION_AT = 0;
  private static final int FLAGS_AT = 4;
  private static final int MAGIC_AT = 8;
  private static final int VERSION_AT = 16;
  private static final int CHANNEL_AT = 18;
  private static final int SESSION_AT = 20;
  private static final int SLOTS_AT = 36;
  private static final int SLOT_BYTES_AT = 40;
  private static final int FEATURES_AT = 44;
  private static final int REGISTRABLE_AT = 48;

  /** Whether private data, as the connection manager delivers it, was written by a Godwit. */
  public static boolean isGodwits(byte[] data) {
    if (data.length < BYTES) {
      return false;
    }
    ByteBuffer in = ByteBuffer.wrap(data);
    return (in.getInt(FLAGS_AT) & EXTENDED) != 0 && in.getLong(MAGIC_AT) == MAGIC;
  }

  /**
   * Reads what a Godwit wrote, and perhaps a hostile one.
   *
   * @throws ChannelException.Violated if it is none, or makes no sense
   * @throws ChannelException.Unsupported if it speaks another version
   */
  public static Greeting decode(byte[] data) throws ChannelException {
    if (!isGodwits(data)) {
      throw new ChannelException.Violated("The private data is no Godwit's");
    }
    ByteBuffer in = ByteBuffer.wrap(data);
    int version = Short.toUnsignedInt(in.getShort(VERSION_AT));
    if (version != VERSION) {
      throw new ChannelException.Unsupported(
          "The peer speaks version "
              + version
              + " of Godwit's RDMA protocol, and this is "
              + VERSION);
    }
    if (in.getInt(QEMU_VERSION_AT) != QEMU_VERSION) {
      throw new ChannelException.Violated(
          "The private data has version " + in.getInt(QEMU_VERSION_AT) + " instead of 1");
    }
    int slots = Short.toUnsignedInt(in.getShort(SLOTS_AT));
    int slotBytes = in.getInt(SLOT_BYTES_AT);
    long registrable = in.getLong(REGISTRABLE_AT);
    if (slots < MIN_SLOTS
        || slots > MAX_SLOTS
        || slotBytes < MIN_SLOT_BYTES
        || slotBytes > MAX_SLOT_BYTES
        || registrable < MIN_REGISTRABLE_BYTES) {
      throw new ChannelException.Violated(
          "The peer offers "
              + slots
              + " slots of "
              + slotBytes
              + " bytes and "
              + registrable
              + " registered bytes, which makes no sense");
    }
    return new Greeting(
        Short.toUnsignedInt(in.getShort(CHANNEL_AT)),
        new UUID(in.getLong(SESSION_AT), in.getLong(SESSION_AT + Long.BYTES)),
        slots,
        slotBytes,
        in.getInt(FEATURES_AT),
        registrable);
  }

  /** As it travels, {@link #BYTES} long. */
  public byte[] encode() {
    ByteBuffer out = ByteBuffer.allocate(BYTES);
    out.putInt(QEMU_VERSION_AT, QEMU_VERSION);
    out.putInt(FLAGS_AT, EXTENDED | (pinsAll() ? QEMU_PIN_ALL : 0));
    out.putLong(MAGIC_AT, MAGIC);
    out.putShort(VERSION_AT, (short) VERSION);
    out.putShort(CHANNEL_AT, (short) channel);
    out.putLong(SESSION_AT, session.getMostSignificantBits());
    out.putLong(SESSION_AT + Long.BYTES, session.getLeastSignificantBits());
    out.putShort(SLOTS_AT, (short) slots);
    out.putInt(SLOT_BYTES_AT, slotBytes);
    out.putInt(FEATURES_AT, features);
    out.putLong(REGISTRABLE_AT, registrableBytes);
    return out.array();
  }

  public boolean pinsAll() {
    return (features & PIN_ALL) != 0;
  }
}
