package dev.godwit.migration.qmp;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A QMP server on a unix socket whose side of each connection is written down by the test. */
public final class FakeQmp implements AutoCloseable {
  public static final String GREETING =
      """
      {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, \
      "capabilities": ["oob"], "later": [1]}, "more": true}
      """;

  /** What the server does with one connection; returning closes it. */
  @FunctionalInterface
  public interface Script {
    void run(Connection connection) throws IOException;
  }

  private final Path path;
  private final ServerSocketChannel server;
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();
  private final List<Thread> threads = new CopyOnWriteArrayList<>();

  private FakeQmp(Path path, ServerSocketChannel server) {
    this.path = path;
    this.server = server;
  }

  public static FakeQmp start(Path directory, Script script) throws IOException {
    Path path = directory.resolve("fake-%x.qmp".formatted(System.nanoTime()));
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    FakeQmp fake = new FakeQmp(path, server);
    fake.threads.add(Thread.ofVirtual().start(() -> fake.serve(script)));
    return fake;
  }

  public Path path() {
    return path;
  }

  private void serve(Script script) {
    try {
      while (true) {
        Connection connection = new Connection(server.accept());
        connections.add(connection);
        threads.add(Thread.ofVirtual().start(() -> run(script, connection)));
      }
    } catch (ClosedChannelException e) {
      // The test is over.
    } catch (IOException e) {
      failures.add(e);
    }
  }

  private void run(Script script, Connection connection) {
    try (connection) {
      script.run(connection);
    } catch (EOFException | ClosedChannelException e) {
      // The client hung up.
    } catch (IOException e) {
      if (!String.valueOf(e.getMessage()).contains("Broken pipe")
          && !String.valueOf(e.getMessage()).contains("reset")) {
        failures.add(e);
      }
    } catch (RuntimeException | AssertionError e) {
      failures.add(e);
    }
  }

  /** Stops listening, as a QEMU that ends does. */
  public void stopListening() throws IOException {
    server.close();
  }

  @Override
  public void close() throws Exception {
    server.close();
    for (Connection connection : connections) {
      connection.close();
    }
    for (Thread thread : threads) {
      if (!thread.join(java.time.Duration.ofSeconds(10))) {
        throw new AssertionError("A script did not end: " + thread);
      }
    }
    for (Throwable failure : failures) {
      throw new AssertionError("The scripted server failed", failure);
    }
  }

  /** The server's end of one connection. */
  public static final class Connection implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader in;

    Connection(SocketChannel channel) {
      this.channel = channel;
      this.in =
          new BufferedReader(
              new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
    }

    /** Greets and answers the negotiation, with which capabilities were enabled as the result. */
    public JsonNode greet() throws IOException {
      send(GREETING);
      JsonNode negotiation = read();
      if (!negotiation.path("execute").asString("").equals("qmp_capabilities")) {
        throw new AssertionError("Expected qmp_capabilities, not " + negotiation);
      }
      reply(negotiation, "{}");
      return negotiation.path("arguments");
    }

    public JsonNode read() throws IOException {
      String line = in.readLine();
      if (line == null) {
        throw new EOFException("The client closed");
      }
      return JsonMapper.shared().readTree(line);
    }

    /** Reads one command and requires that it is the one named. */
    public JsonNode expect(String command) throws IOException {
      JsonNode read = read();
      String name = read.path("execute").asString(read.path("exec-oob").asString(""));
      if (!name.equals(command)) {
        throw new AssertionError("Expected " + command + ", not " + read);
      }
      return read;
    }

    public void reply(JsonNode command, String value) throws IOException {
      send("{\"return\": %s, \"id\": %s}\r\n".formatted(value, command.path("id")));
    }

    public void refuse(JsonNode command, String errorClass, String description) throws IOException {
      send(
          "{\"id\": %s, \"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}\r\n"
              .formatted(command.path("id"), errorClass, description));
    }

    public void event(String name, String data) throws IOException {
      send(
          "{\"timestamp\": {\"seconds\": 1795295665, \"microseconds\": 315853}, \"event\": \"%s\", \"data\": %s}\r\n"
              .formatted(name, data));
    }

    public void send(String text) throws IOException {
      send(text.getBytes(StandardCharsets.UTF_8));
    }

    public void send(byte[] bytes) throws IOException {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }

    /** Reads and ignores until the client hangs up: a QEMU that does not answer. */
    public void fallSilent() throws IOException {
      while (true) {
        read();
      }
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
