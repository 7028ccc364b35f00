package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.testkit.ArrayChannel;
import java.util.HexFormat;

/** States to bytes and back. */
final class Bytes {
  private static final int SMALL_BUFFER_BYTES = 512;

  /** A state that was saved. */
  @SuppressWarnings("ArrayRecordComponent") // Nobody compares two of them.
  record Saved(byte[] bytes, StateDescription description) {}

  private Bytes() {}

  static <T> Saved saved(StateFormat<T> format, T state, long version) throws Exception {
    ArrayChannel sink = ArrayChannel.sink();
    try (StreamOutput out = new StreamOutput(sink, SMALL_BUFFER_BYTES)) {
      StateDescription description = format.save(state, out, version);
      out.flush();
      return new Saved(sink.written(), description);
    }
  }

  static <T> byte[] save(StateFormat<T> format, T state) throws Exception {
    return saved(format, state, format.version()).bytes();
  }

  /** Loads {@code bytes} into {@code state}; how many of them it took. */
  static <T> long load(StateFormat<T> format, T state, byte[] bytes, long version)
      throws Exception {
    try (StreamInput in = new StreamInput(ArrayChannel.of(bytes), "main", SMALL_BUFFER_BYTES)) {
      format.load(state, in, version);
      return in.offset();
    }
  }

  static <T> T loaded(StateFormat<T> format, T state, byte[] bytes) throws Exception {
    load(format, state, bytes, format.version());
    return state;
  }

  /** Bytes in hexadecimal, blanks ignored; {@code 'text'} stands for its bytes. */
  static byte[] hex(String text) {
    StringBuilder digits = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\'') {
        quoted = !quoted;
      } else if (quoted) {
        digits.append(HexFormat.of().toHexDigits((byte) c));
      } else if (!Character.isWhitespace(c)) {
        digits.append(c);
      }
    }
    return HexFormat.of().parseHex(digits);
  }
}
