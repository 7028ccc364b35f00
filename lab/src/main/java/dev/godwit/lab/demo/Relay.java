package dev.godwit.lab.demo;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Carries standard input to a unix socket and what comes back to standard output: the command of
 * the demo's {@code exec:} leg, as {@code socat} would be where it is installed.
 */
final class Relay {
  private static final int BUFFER_BYTES = 256 << 10;

  private Relay() {}

  /** Returns when both directions have ended. */
  static void run(Path socket) throws IOException {
    try (SocketChannel peer = SocketChannel.open(StandardProtocolFamily.UNIX);
        FileInputStream in = new FileInputStream(FileDescriptor.in);
        FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
      peer.connect(UnixDomainSocketAddress.of(socket));
      CompletableFuture<Void> forward = new CompletableFuture<>();
      Thread.ofPlatform()
          .daemon()
          .name("godwit-demo-relay")
          .start(
              () -> {
                try {
                  copy(in.getChannel(), peer);
                  peer.shutdownOutput();
                  forward.complete(null);
                } catch (IOException | RuntimeException e) {
                  forward.completeExceptionally(e);
                }
              });
      copy(peer, out.getChannel());
      out.close();
      forward.join();
    } catch (CompletionException e) {
      throw new IOException("The destination takes no more bytes", e.getCause());
    }
  }

  private static void copy(ReadableByteChannel from, WritableByteChannel to) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    while (from.read(buffer) >= 0) {
      buffer.flip();
      while (buffer.hasRemaining()) {
        to.write(buffer);
      }
      buffer.clear();
    }
  }
}
