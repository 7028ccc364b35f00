package dev.godwit.migration.device;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** One structure that is being loaded: what was read of it so far. */
final class Loading {
  /** Memory is taken as the bytes arrive, not as they are announced. */
  private static final int FIRST_BYTES = 64 * 1024;

  private final StreamInput in;
  private final String format;
  private final long version;
  private final long[] numbers;
  private final long[] offsets;

  Loading(StreamInput in, String format, long version, int parts) {
    this.in = in;
    this.format = format;
    this.version = version;
    this.numbers = new long[parts];
    this.offsets = new long[parts];
  }

  StreamInput in() {
    return in;
  }

  /** Name of the format, for messages. */
  String format() {
    return format;
  }

  long version() {
    return version;
  }

  /** Remembers a number and where it stood, since an array may have so many elements. */
  void number(int part, long offset, long value) {
    offsets[part] = offset;
    numbers[part] = value;
  }

  long number(int part) {
    return numbers[part];
  }

  /** What must not be, where a number stood. */
  StreamException malformedNumber(int part, String sentence) {
    return in.malformed(offsets[part], sentence);
  }

  long read(String name, Primitive type) throws ChannelException, StreamException {
    long start = in.offset();
    long value = type.read(in);
    if (!type.holds(value)) {
      throw in.malformed(
          start,
          "Field %s of %s is %d, which is no %s".formatted(name, format, value, type.word()));
    }
    return value;
  }

  /**
   * @param length bounded by the caller
   */
  byte[] bytes(int length) throws ChannelException, StreamException {
    byte[] bytes = new byte[Math.min(length, FIRST_BYTES)];
    for (int done = 0; done < length; done = bytes.length) {
      if (done > 0) {
        bytes = Arrays.copyOf(bytes, (int) Math.min(length, 2L * done));
      }
      in.bytes(ByteBuffer.wrap(bytes, done, bytes.length - done));
    }
    return bytes;
  }

  /** The state's owner does not take what was read. */
  StreamException refused(long offset, String name, IllegalArgumentException cause) {
    StreamException refused =
        in.malformed(offset, "Field %s of %s is refused".formatted(name, format));
    refused.initCause(cause);
    return refused;
  }
}
