package dev.godwit.migration.qmp;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Cuts a byte stream into JSON objects by counting braces outside of strings, so that a monitor
 * that prints one object over several lines ({@code pretty=on}) reads like one that does not.
 * Between objects only white space may stand.
 */
final class JsonFramer {
  private final int limitBytes;
  private final ByteArrayOutputStream object = new ByteArrayOutputStream(512);
  private int depth;
  private boolean inString;
  private boolean escaped;

  JsonFramer(int limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Consumes {@code src} up to the end of one object and returns that, or consumes all of it. */
  Optional<byte[]> next(ByteBuffer src) throws QmpException {
    while (src.hasRemaining()) {
      byte b = src.get();
      if (depth == 0) {
        if (b == ' ' || b == '\t' || b == '\r' || b == '\n') {
          continue;
        }
        if (b != '{') {
          throw new QmpException.NotQmp(
              "The server sent " + shown(b) + " where a JSON object must begin", null);
        }
      }
      if (object.size() == limitBytes) {
        throw new QmpException.NotQmp(
            "The server sent a message of more than " + limitBytes + " bytes", null);
      }
      object.write(b);
      if (track(b)) {
        byte[] whole = object.toByteArray();
        object.reset();
        return Optional.of(whole);
      }
    }
    return Optional.empty();
  }

  /** Whether the stream may end here: not in the middle of an object. */
  boolean atBoundary() {
    return depth == 0;
  }

  private boolean track(byte b) {
    if (inString) {
      if (escaped) {
        escaped = false;
      } else if (b == '\\') {
        escaped = true;
      } else if (b == '"') {
        inString = false;
      }
      return false;
    }
    switch (b) {
      case '"' -> inString = true;
      case '{' -> depth++;
      case '}' -> depth--;
      default -> {}
    }
    return depth == 0;
  }

  private static String shown(byte b) {
    return b > ' ' && b < 0x7f
        ? "'" + (char) b + "'"
        : String.format("the byte 0x%02x", Byte.toUnsignedInt(b));
  }
}
