package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A channel that reads what it was given and keeps what is written to it; no thread, no peer. */
final class MemoryOnly implements Channel {
  /** Something that writes a frame. */
  interface Writing {
    void write(StreamOutput out) throws IOException;
  }

  private final ByteBuffer input;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();

  MemoryOnly(byte[] input) {
    this.input = ByteBuffer.wrap(input);
  }

  /** What {@code writing} writes. */
  static byte[] written(Writing writing) throws IOException {
    MemoryOnly channel = new MemoryOnly(new byte[0]);
    try (StreamOutput out = new StreamOutput(channel)) {
      writing.write(out);
      out.flush();
    }
    return channel.output.toByteArray();
  }

  /** An input of {@code bytes} with a small buffer, so that frames cross its end. */
  static StreamInput input(byte[] bytes) {
    return new StreamInput(new MemoryOnly(bytes), "multifd 3", 512);
  }

  @Override
  public int read(ByteBuffer dst) {
    if (!input.hasRemaining()) {
      return -1;
    }
    int part = Math.min(dst.remaining(), input.remaining());
    dst.put(input.slice(input.position(), part));
    input.position(input.position() + part);
    return part;
  }

  @Override
  public void write(ByteBuffer... src) {
    for (ByteBuffer buffer : src) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      output.writeBytes(bytes);
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(length - done, 1 << 16);
      int read = read(dst.memory().asSlice(dstOffset + done, part).asByteBuffer());
      if (read < 0) {
        throw new ChannelException.EndedEarly("There is no more");
      }
      done += read;
    }
  }

  @Override
  public ChannelInfo info() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void flush() {}

  @Override
  public void settle() {}

  @Override
  public void barrier() {}

  @Override
  public void shutdownOutput() {}

  @Override
  public void abort(Throwable cause) {}

  @Override
  public ChannelStats stats() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
