package dev.godwit.transport.tls;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What a Godwit that accepts says first to a Godwit that dials, after all its checks, so that a
 * client knows before its first byte whether it is let in.
 *
 * <pre>
 *   0   1 byte    length n; 0 lets the client in
 *   1   n bytes   the sentence of the refusal in UTF-8
 * </pre>
 */
final class Greeting {
  private static final int MOST_SENTENCE_BYTES = 255;

  private Greeting() {}

  /**
   * Adds one to {@code out}.
   *
   * @param refusal empty to let the client in; cut where it is too long
   */
  static void write(String refusal, ByteBuffer out) {
    byte[] sentence = refusal.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(sentence.length, MOST_SENTENCE_BYTES);
    while (length < sentence.length && (sentence[length] & 0xC0) == 0x80) {
      length--;
    }
    out.put((byte) length).put(sentence, 0, length);
  }

  /** Whether a whole one is in {@code begun}, from 0 to its position. */
  static boolean isWhole(ByteBuffer begun) {
    return begun.position() > 0 && begun.position() > Byte.toUnsignedInt(begun.get(0));
  }

  /** Takes a whole one: the refusal, empty for none; what could deceive in a log is replaced. */
  static String read(ByteBuffer in) {
    byte[] sentence = new byte[Byte.toUnsignedInt(in.get())];
    in.get(sentence);
    return new String(sentence, StandardCharsets.UTF_8).replaceAll("\\p{C}", "?");
  }
}
