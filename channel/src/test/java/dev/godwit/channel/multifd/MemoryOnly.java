package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.testkit.ArrayChannel;
import java.io.IOException;

/** Frames as bytes, and bytes as an input of frames. */
final class MemoryOnly {
  /** Something that writes a frame. */
  interface Writing {
    void write(StreamOutput out) throws IOException;
  }

  private MemoryOnly() {}

  /** What {@code writing} writes. */
  static byte[] written(Writing writing) throws IOException {
    ArrayChannel channel = ArrayChannel.of(new byte[0]);
    try (StreamOutput out = new StreamOutput(channel)) {
      writing.write(out);
      out.flush();
    }
    return channel.written();
  }

  /** An input of {@code bytes} with a small buffer, so that frames cross its end. */
  static StreamInput input(byte[] bytes) {
    return new StreamInput(ArrayChannel.of(bytes), "multifd 3", 512);
  }
}
