package dev.godwit.lab.stream;

import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Listens on a unix socket and writes what comes over each connection to a file. With somewhere to
 * go on to it connects there at once, in the same order, hands everything on both ways, and writes
 * the answers to files too.
 */
final class Recorder implements AutoCloseable {
  private static final int BUFFER_BYTES = 256 * 1024;

  private final Path directory;
  private final Optional<Path> onward;
  private final ServerSocketChannel server;
  private final List<SocketChannel> sockets = new CopyOnWriteArrayList<>();
  private final List<Path> forward = new CopyOnWriteArrayList<>();
  private final List<Task<Long>> pumps = new CopyOnWriteArrayList<>();
  private volatile boolean cut;

  Recorder(Path socket, Path directory, Optional<Path> onward) throws IOException {
    this.directory = Files.createDirectories(directory);
    this.onward = onward;
    this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    Thread.ofPlatform().daemon().name("record " + socket).start(this::acceptAll);
  }

  private void acceptAll() {
    try {
      while (true) {
        SocketChannel source = server.accept();
        sockets.add(source);
        int number = forward.size();
        Path there = directory.resolve("connection-" + number + ".forward");
        if (onward.isPresent()) {
          SocketChannel destination = SocketChannel.open(UnixDomainSocketAddress.of(onward.get()));
          sockets.add(destination);
          Path back = directory.resolve("connection-" + number + ".backward");
          pumps.add(start(destination, back, Optional.of(source)));
          pumps.add(start(source, there, Optional.of(destination)));
        } else {
          pumps.add(start(source, there, Optional.empty()));
        }
        forward.add(there);
      }
    } catch (ClosedChannelException e) {
      // Nobody else is awaited.
    } catch (IOException e) {
      pumps.add(
          Task.startVirtual(
              "accept",
              () -> {
                throw e;
              }));
    }
  }

  private Task<Long> start(SocketChannel from, Path file, Optional<SocketChannel> to) {
    return Task.start("record " + file.getFileName(), () -> pump(from, file, to));
  }

  private long pump(SocketChannel from, Path file, Optional<SocketChannel> to) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      try {
        while (from.read(buffer) >= 0) {
          writeAll(out, buffer.flip());
          if (to.isPresent()) {
            writeAll(to.get(), buffer.rewind());
          }
          buffer.clear();
        }
        if (to.isPresent()) {
          to.get().shutdownOutput();
        }
      } catch (IOException e) {
        if (!cut) {
          throw e;
        }
      }
      return out.size();
    }
  }

  /** Breaks all connections; what has come so far is what they carried. */
  void cut() throws IOException {
    cut = true;
    for (SocketChannel socket : sockets) {
      socket.close();
    }
  }

  private static void writeAll(WritableByteChannel to, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      to.write(buffer);
    }
  }

  /**
   * Waits until every connection has ended on its own; there must be {@code count}. They come in
   * the order in which they were made.
   */
  List<Capture.Connection> await(int count) throws IOException {
    Await.until(
        "the stream ends",
        () -> forward.size() >= count && pumps.stream().allMatch(Task::isDone),
        () -> forward.size() + " connections of " + count + " are there");
    pumps.forEach(Task::result);
    List<Capture.Connection> connections = new ArrayList<>();
    for (Path there : forward) {
      String name = there.getFileName().toString().replace(".forward", ".backward");
      connections.add(Capture.Connection.of(there, directory.resolve(name)));
    }
    return List.copyOf(connections);
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (SocketChannel socket : sockets) {
      socket.close();
    }
  }
}
