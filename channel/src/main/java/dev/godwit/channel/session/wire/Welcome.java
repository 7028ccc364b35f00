package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * The accepting side's answer (docs/sessions.md, "Hello"). The arrays are this record's own.
 *
 * <pre>
 *    0  u16  version, at most the hello's
 *    2  u16  0
 *    4  16   nonce
 *   20  u32  window, u32 longest chunk, u32 silence, u32 wait, as in the hello
 *   36  32   proof
 *   ..       whatever later versions add
 * </pre>
 */
@SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
public record Welcome(int version, byte[] nonce, Limits limits, byte[] proof) {
  public static final int PROOF_BYTES = 32;

  private static final int BYTES = 68;

  public ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocate(BYTES);
    out.putShort((short) version).putShort((short) 0).put(nonce);
    limits.encode(out);
    return out.put(proof).flip();
  }

  /** Takes a payload apart; {@code src} stays yours. */
  public static Welcome decode(ByteBuffer src) throws ChannelException {
    if (src.remaining() < BYTES) {
      throw new ChannelException.Violated(
          "A welcome of " + src.remaining() + " bytes is too short");
    }
    int version = Short.toUnsignedInt(src.getShort());
    src.getShort();
    byte[] nonce = new byte[Hello.NONCE_BYTES];
    src.get(nonce);
    Limits limits = Limits.decode(src);
    byte[] proof = new byte[PROOF_BYTES];
    src.get(proof);
    if (version == 0 || version > Hello.VERSION) {
      throw new ChannelException.Violated(
          "The other Godwit speaks version " + version + " of sessions, this one " + Hello.VERSION);
    }
    return new Welcome(version, nonce, limits, proof);
  }
}
