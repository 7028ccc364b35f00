package dev.godwit.transport.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Random;

/** Moves whole arrays through a channel, and makes bytes to move. */
public final class Io {
  private Io() {}

  /** Random bytes. */
  public static byte[] bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Writes all and flushes. */
  public static void send(Channel channel, byte[] bytes) throws ChannelException {
    channel.write(ByteBuffer.wrap(bytes));
    channel.flush();
  }

  /** Reads exactly {@code length} bytes. */
  public static byte[] receive(Channel channel, int length) throws ChannelException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      int before = buffer.position();
      int read = channel.read(buffer);
      assertThat(read).as("read at %d of %d bytes", before, length).isPositive();
      assertThat(buffer.position()).isEqualTo(before + read);
    }
    return buffer.array();
  }

  /** Reads until the peer's end. */
  public static byte[] drain(Channel channel) throws ChannelException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer buffer = ByteBuffer.allocate(64 * 1024);
    while (channel.read(buffer) >= 0) {
      all.write(buffer.array(), 0, buffer.position());
      buffer.clear();
    }
    return all.toByteArray();
  }

  /** Copies {@code bytes} into memory. */
  public static void fill(MemorySegment memory, long offset, byte[] bytes) {
    MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, offset, bytes.length);
  }

  /** Copies bytes out of memory. */
  public static byte[] copy(MemorySegment memory, long offset, int length) {
    return memory.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
  }
}
