package dev.godwit.migration.proxy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The last bytes of a main stream, to tell one that was sent to its end from one that was given up:
 * QEMU ends with a description in JSON (qemu-wire.md §1.7). Fed by one thread, read after that
 * thread has ended.
 */
final class MainTail {
  /** What must be seen of each piece, its last bytes, to know the last ones of the stream. */
  static final int KEPT_BYTES = 16;

  private static final byte[] END = "]}".getBytes(StandardCharsets.US_ASCII);

  private final byte[] last = new byte[KEPT_BYTES];
  private volatile boolean endOfDescription;

  void see(ByteBuffer bytes) {
    int part = Math.min(KEPT_BYTES, bytes.remaining());
    System.arraycopy(last, part, last, 0, KEPT_BYTES - part);
    bytes.get(bytes.limit() - part, last, KEPT_BYTES - part, part);
    endOfDescription =
        isText() && Arrays.equals(last, KEPT_BYTES - END.length, KEPT_BYTES, END, 0, END.length);
  }

  /** Whether the stream's last bytes by now are the end of a description. */
  boolean isEndOfDescription() {
    return endOfDescription;
  }

  private boolean isText() {
    for (byte b : last) {
      if (b < ' ' || b > '~') {
        return false;
      }
    }
    return true;
  }
}
