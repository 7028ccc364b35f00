package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * A TLS tool of another house as a process, and the wire to it. As a server it listens in a network
 * of its own, where the host lets it have one, and is reached through socat.
 */
final class ForeignPeer implements AutoCloseable {
  private static final String PORT = "@PORT@";

  private final Process process;
  private final Path said;
  private final InputStream in;
  private final OutputStream out;
  private final List<AutoCloseable> more = new ArrayList<>();

  private ForeignPeer(Process process, Path said, InputStream in, OutputStream out) {
    this.process = process;
    this.said = said;
    this.in = in;
    this.out = out;
  }

  /**
   * Starts a server that is connected to.
   *
   * @param command with {@code @PORT@} where its port belongs
   */
  static ForeignPeer server(Path scratch, String... command) throws IOException {
    Path said = scratch.resolve("said-" + System.nanoTime());
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    String tool =
        String.join(" ", command).replace(PORT, Integer.toString(port))
            + " >"
            + said
            + " 2>&1 </dev/null & tool=$!; ";
    String wire = "socat -t20 - TCP:127.0.0.1:" + port + ",retry=200,interval=0.05; kill $tool";
    // Some servers listen on every address: in a network of their own those are loopback alone.
    String apart = "exec unshare -rn sh -c 'ip link set lo up; \"$@\"' sh sh -c \"$1\"";
    Process process =
        new ProcessBuilder("sh", "-c", apart, "sh", tool + wire)
            .redirectError(Redirect.DISCARD)
            .start();
    return new ForeignPeer(process, said, process.getInputStream(), process.getOutputStream());
  }

  /**
   * Starts a client, and takes its connection.
   *
   * @param input what it is given to send before it ends
   */
  static ForeignPeer client(Path scratch, byte[] input, String... command) throws IOException {
    Path given = scratch.resolve("given-" + System.nanoTime());
    Files.write(given, input);
    return client(scratch, Redirect.from(given.toFile()), command);
  }

  /** Starts a client that is given its input by {@link #type}, and takes its connection. */
  static ForeignPeer typed(Path scratch, String... command) throws IOException {
    return client(scratch, Redirect.PIPE, command);
  }

  private static ForeignPeer client(Path scratch, Redirect input, String... command)
      throws IOException {
    Path said = scratch.resolve("said-" + System.nanoTime());
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      listening.setSoTimeout((int) Await.LIMIT.toMillis());
      List<String> words = new ArrayList<>();
      for (String word : command) {
        words.add(word.replace(PORT, Integer.toString(listening.getLocalPort())));
      }
      Process process =
          new ProcessBuilder(words)
              .redirectInput(input)
              .redirectErrorStream(true)
              .redirectOutput(said.toFile())
              .start();
      try {
        Socket socket = listening.accept();
        socket.setSoTimeout((int) Await.LIMIT.toMillis());
        ForeignPeer peer =
            new ForeignPeer(process, said, socket.getInputStream(), socket.getOutputStream());
        peer.more.add(socket);
        return peer;
      } catch (IOException e) {
        end(process);
        throw new IOException("It did not come: " + Files.readString(said), e);
      }
    }
  }

  InputStream in() {
    return in;
  }

  OutputStream out() {
    return out;
  }

  /** Gives a typed client some of its input. */
  void type(String input) throws IOException {
    OutputStream keyboard = process.getOutputStream();
    keyboard.write(input.getBytes(StandardCharsets.US_ASCII));
    keyboard.flush();
  }

  /** What it printed so far. */
  String said() throws IOException {
    return Files.exists(said) ? Files.readString(said, StandardCharsets.ISO_8859_1) : "";
  }

  /** Waits until it has printed what {@code pattern} matches. */
  void awaitSaid(String pattern) {
    Pattern searched = Pattern.compile(pattern);
    Await.until("the peer says " + pattern, () -> searched.matcher(said()).find(), this::evidence);
  }

  private String evidence() {
    try {
      return said();
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : more) {
      each.close();
    }
    end(process);
  }

  private static void end(Process process) {
    List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
    all.add(process.toHandle());
    all.forEach(ProcessHandle::destroyForcibly);
    try {
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
