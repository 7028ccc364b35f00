package dev.godwit.transport.kernel;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The last bytes of a stream of messages; whatever came before is forgotten. */
final class ErrorTail {
  private static final int BYTES = 4096;
  private static final int LINES = 4;

  private final byte[] ring = new byte[BYTES];
  private long written;

  void add(byte b) {
    ring[(int) (written++ % BYTES)] = b;
  }

  /** The last few lines as one, or an empty text; whatever is no text becomes harmless. */
  String text() {
    int length = (int) Math.min(written, BYTES);
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = ring[(int) ((written - length + i) % BYTES)];
    }
    List<String> lines =
        new String(bytes, StandardCharsets.UTF_8)
            .lines()
            .map(line -> line.replaceAll("\\p{Cntrl}", " ").strip())
            .filter(line -> !line.isEmpty())
            .toList();
    return String.join(" | ", lines.subList(Math.max(0, lines.size() - LINES), lines.size()));
  }
}
