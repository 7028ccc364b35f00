package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * What the dialling side says first (docs/sessions.md, "Hello"). The arrays are this record's own.
 *
 * <pre>
 *    0  u16  version
 *    2  u16  1 a new session, 2 a further link of one
 *    4  u16  rail
 *    6  u16  0
 *    8  16   new: the session's id, which is its secret; further: its locator
 *   24  16   nonce
 *   40  u32  window in bytes
 *   44  u32  longest chunk in bytes
 *   48  u32  silence after which the sender takes a link for dead, in ms
 *   52  u32  how long the sender waits for a lost network, in ms
 *   56  u16  length of the name, then the name in UTF-8
 *   ..       whatever later versions add
 * </pre>
 */
@SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
public record Hello(
    int version, boolean fresh, int rail, byte[] id, byte[] nonce, Limits limits, String name) {
  public static final int VERSION = 1;
  public static final int ID_BYTES = 16;
  public static final int NONCE_BYTES = 16;
  public static final int MAX_NAME_BYTES = 255;

  private static final int NEW = 1;
  private static final int FURTHER = 2;
  private static final int FIXED_BYTES = 58;

  public ByteBuffer encode() {
    byte[] called = name.getBytes(StandardCharsets.UTF_8);
    ByteBuffer out = ByteBuffer.allocate(FIXED_BYTES + called.length);
    out.putShort((short) version).putShort((short) (fresh ? NEW : FURTHER));
    out.putShort((short) rail).putShort((short) 0);
    out.put(id).put(nonce);
    limits.encode(out);
    out.putShort((short) called.length).put(called);
    return out.flip();
  }

  /** Takes a payload apart; {@code src} stays yours. */
  public static Hello decode(ByteBuffer src) throws ChannelException {
    if (src.remaining() < FIXED_BYTES) {
      throw new ChannelException.Violated("A hello of " + src.remaining() + " bytes is too short");
    }
    int version = Short.toUnsignedInt(src.getShort());
    int kind = Short.toUnsignedInt(src.getShort());
    if (kind != NEW && kind != FURTHER) {
      throw new ChannelException.Violated("A hello of kind " + kind + " is unknown");
    }
    int rail = Short.toUnsignedInt(src.getShort());
    src.getShort();
    byte[] id = new byte[ID_BYTES];
    byte[] nonce = new byte[NONCE_BYTES];
    src.get(id).get(nonce);
    Limits limits = Limits.decode(src);
    int length = Short.toUnsignedInt(src.getShort());
    if (length > MAX_NAME_BYTES || length > src.remaining()) {
      throw new ChannelException.Violated("A hello has a name of " + length + " bytes");
    }
    return new Hello(version, kind == NEW, rail, id, nonce, limits, text(src, length));
  }

  private static String text(ByteBuffer src, int length) throws ChannelException {
    ByteBuffer bytes = src.slice(src.position(), length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new ChannelException.Violated("A hello has a name that is no UTF-8");
    }
  }
}
