package dev.godwit.lab.stream;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Changes the memory of a paused guest over GDB's remote protocol, which QEMU notices as it does
 * what a guest writes. As long as it is open the guest stays paused.
 */
final class GdbStub implements AutoCloseable {
  private final SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX);
  private final ByteBuffer in = ByteBuffer.allocate(512).limit(0);

  GdbStub(Path path) throws IOException {
    socket.connect(UnixDomainSocketAddress.of(path));
  }

  /** Writes one byte at an address as the CPU sees it. */
  void write(long address, int value) throws IOException {
    String packet = "M%x,1:%02x".formatted(address, value & 0xFF);
    int sum = packet.chars().sum() & 0xFF;
    send("$%s#%02x".formatted(packet, sum));
    String answer = answer();
    if (!answer.equals("OK")) {
      throw new IOException("QEMU answers " + packet + " with " + answer);
    }
  }

  private String answer() throws IOException {
    while (next() != '$') {
      // The acknowledgement, before.
    }
    StringBuilder answer = new StringBuilder();
    for (int c = next(); c != '#'; c = next()) {
      answer.append((char) c);
    }
    next();
    next();
    send("+");
    return answer.toString();
  }

  private int next() throws IOException {
    while (!in.hasRemaining()) {
      in.clear();
      int read = socket.read(in);
      in.flip();
      if (read < 0) {
        throw new IOException("QEMU has closed its gdb stub");
      }
    }
    return in.get();
  }

  private void send(String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    while (bytes.hasRemaining()) {
      socket.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
