package dev.godwit.transport.rdma.wire;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Words on the wire, in UTF-8. */
final class Text {
  private Text() {}

  /** At most so many bytes of {@code text}, cut at a whole character. */
  static byte[] encode(String text, int maxBytes) {
    ByteBuffer out = ByteBuffer.allocate(maxBytes);
    StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text), out, true);
    return Arrays.copyOf(out.array(), out.position());
  }

  /** What a peer said, fit for a terminal and a log. */
  static String printable(String text) {
    return text.codePoints()
        .map(c -> Character.isISOControl(c) ? '?' : c)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }
}
