package dev.godwit.lab.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Just enough QMP to drive these tests: replies and states are found by the text they contain. */
final class TestQmp implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(5);

  private final SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX);
  private final BlockingQueue<String> replies = new LinkedBlockingQueue<>();

  TestQmp(Path path) throws IOException, InterruptedException {
    socket.connect(UnixDomainSocketAddress.of(path));
    Thread.ofVirtual().start(this::read);
    execute("qmp_capabilities");
  }

  private void read() {
    try (var lines = new BufferedReader(Channels.newReader(socket, StandardCharsets.UTF_8))) {
      lines
          .lines()
          .filter(line -> line.startsWith("{\"return\"") || line.startsWith("{\"error\""))
          .forEach(replies::add);
    } catch (IOException | RuntimeException e) {
      // Closed at either end: whoever waits for a reply says so.
    }
  }

  String execute(String command) throws IOException, InterruptedException {
    return send("{\"execute\":\"" + command + "\"}");
  }

  /** The arguments are JSON with apostrophes for quotation marks. */
  String execute(String command, String arguments) throws IOException, InterruptedException {
    return send(
        "{\"execute\":\"" + command + "\",\"arguments\":" + arguments.replace('\'', '"') + "}");
  }

  private String send(String line) throws IOException, InterruptedException {
    var bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      socket.write(bytes);
    }
    String reply = replies.poll(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    if (reply == null || reply.startsWith("{\"error\"")) {
      throw new IOException("QEMU answers " + line + " with " + reply);
    }
    return reply;
  }

  /** Asks until the answer contains the text with apostrophes for quotation marks. */
  String await(String query, String text) throws IOException, InterruptedException {
    return await(query, (String reply) -> reply.contains(text.replace('\'', '"')));
  }

  String await(String query, Predicate<String> until) throws IOException, InterruptedException {
    long start = System.nanoTime();
    while (true) {
      String reply = execute(query);
      if (until.test(reply)) {
        return reply;
      }
      if (reply.contains("\"status\": \"failed\"") || System.nanoTime() - start > LIMIT.toNanos()) {
        throw new IOException("At last QEMU answered " + query + " with " + reply);
      }
      Thread.sleep(BETWEEN_LOOKS);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
