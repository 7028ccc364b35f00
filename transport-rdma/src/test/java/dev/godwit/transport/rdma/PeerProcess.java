package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A peer in a process of its own, which can be stopped and killed, and the program that it runs: it
 * puts into a region, or gets, until its channel ends. Owned: {@link #close} ends it.
 */
final class PeerProcess implements AutoCloseable {
  static final int SIZE = 1 << 20;
  static final int PUT = 64 << 10;

  /** What the process does. */
  enum Role {
    /** Dials, and puts again and again. */
    PUTS,
    /** Listens, and gets again and again. */
    GETS
  }

  private final Process process;
  private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
  private final Thread reader;

  private PeerProcess(Process process) {
    this.process = process;
    reader = Thread.ofPlatform().daemon().name("peer's output").start(this::read);
  }

  static PeerProcess start(Role role, Endpoint endpoint) throws IOException {
    return start(List.of(), role, endpoint);
  }

  /** Starts it behind another command that becomes it, such as setpriv. */
  static PeerProcess start(List<String> behind, Role role, Endpoint endpoint) throws IOException {
    List<String> command = new ArrayList<>(behind);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-Dgodwit.slowness=" + Await.SLOWNESS, "-cp"));
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.addAll(List.of(PeerProcess.class.getName(), role.name(), endpoint.toString()));
    return new PeerProcess(new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  private void read() {
    try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      // It was killed.
    }
  }

  /** What stands behind the first line that begins so, once there is one. */
  String await(String begin) {
    Await.until("the peer says " + begin, () -> said(begin).isPresent(), () -> "it said " + lines);
    return said(begin).orElseThrow();
  }

  private Optional<String> said(String begin) {
    synchronized (lines) {
      return lines.stream()
          .filter(line -> line.startsWith(begin))
          .map(line -> line.substring(begin.length()))
          .findFirst();
    }
  }

  /** Sends it a signal by its name. */
  void signal(String name) throws IOException, InterruptedException {
    Process kill =
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).inheritIO().start();
    assertThat(kill.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(kill.exitValue()).isZero();
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    reader.join();
  }

  // The process.

  /**
   * @param arguments a {@link Role} and an endpoint
   */
  public static void main(String[] arguments) throws Exception {
    Endpoint endpoint = Endpoint.parse(arguments[1]);
    try (Arena arena = Arena.ofShared()) {
      switch (Role.valueOf(arguments[0])) {
        case PUTS -> put(endpoint, arena);
        case GETS -> get(endpoint, arena);
      }
    } catch (ChannelException e) {
      System.out.println("ended with " + e);
    }
  }

  private static void put(Endpoint endpoint, Arena arena) throws ChannelException {
    try (Dialer dialer = new RdmaTransport().dialer(endpoint);
        Region src = dialer.peer().register("ram", arena.allocate(SIZE), Access.LOCAL);
        Channel channel = dialer.dial(Deadline.after(Await.LIMIT))) {
      RemoteRegion there = dialer.peer().remote("ram", Deadline.after(Await.LIMIT));
      for (long at = 0; ; at = (at + PUT) % SIZE) {
        channel.put(src, at, there, at, PUT);
        channel.flush();
      }
    }
  }

  private static void get(Endpoint endpoint, Arena arena) throws ChannelException {
    try (Listener listener = new RdmaTransport().listen(endpoint)) {
      System.out.println("listens at " + listener.local());
      try (Channel channel = listener.accept(Deadline.after(Await.LIMIT));
          Region dst =
              channel.info().peer().register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE)) {
        for (long at = 0; ; at = (at + PUT) % SIZE) {
          channel.get(dst, at, PUT);
        }
      }
    }
  }
}
