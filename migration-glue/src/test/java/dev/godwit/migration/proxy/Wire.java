package dev.godwit.migration.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** One end of a connection, played by the test with the JDK's own sockets. */
final class Wire {
  private final SocketChannel socket;

  Wire(SocketChannel socket) {
    this.socket = socket;
  }

  void send(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      socket.write(buffer);
    }
  }

  void sendUnchecked(byte[] bytes) {
    try {
      send(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void expect(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes.length);
    while (buffer.hasRemaining()) {
      assertThat(socket.read(buffer))
          .as("bytes after %d of %d", buffer.position(), bytes.length)
          .isPositive();
    }
    assertThat(buffer.array()).isEqualTo(bytes);
  }

  /** The peer ends in order. */
  void expectEnd() throws IOException {
    assertThat(socket.read(ByteBuffer.allocate(1))).isEqualTo(-1);
  }

  /** The peer is gone, in order or not, and takes nothing any more. */
  void expectBroken() throws IOException {
    try {
      while (socket.read(ByteBuffer.allocate(4096)) >= 0) {
        // What was on its way.
      }
    } catch (IOException e) {
      return;
    }
    byte[] more = new byte[4096];
    try {
      while (true) {
        send(more);
      }
    } catch (IOException e) {
      return;
    }
  }

  void endOutput() throws IOException {
    socket.shutdownOutput();
  }

  void close() throws IOException {
    socket.close();
  }

  /** Dies as a killed process does: with bytes unread, so that the peer sees a reset. */
  void reset() throws IOException {
    socket.close();
  }
}
