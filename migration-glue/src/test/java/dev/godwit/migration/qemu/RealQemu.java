package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A QEMU process with a QMP socket. A missing QEMU fails the test that wants one. */
final class RealQemu implements AutoCloseable {

  /** The releases that tests run against. */
  @SuppressWarnings("ImmutableEnumChecker") // A release is a record of two numbers.
  enum Release {
    V7_2("7.2", "GODWIT_QEMU_7_2"),
    V10_0("10.0", "GODWIT_QEMU_10_0");

    private final QemuRelease release;
    private final String variable;

    Release(String release, String variable) {
      this.release = QemuRelease.of(release);
      this.variable = variable;
    }

    QemuRelease release() {
      return release;
    }

    Path binary() {
      Map<String, String> environment = System.getenv();
      String named = System.getProperty("godwit.qemu." + release, environment.get(variable));
      Path binary = named != null ? Path.of(named) : usual(environment);
      if (!Files.isExecutable(binary)) {
        throw new AssertionError(
            "QEMU %s is missing at %s; ./check installs it, and %s names another place"
                .formatted(release, binary, variable));
      }
      return binary;
    }

    private Path usual(Map<String, String> environment) {
      if (this == V7_2) {
        return Path.of("/usr/bin/qemu-system-x86_64");
      }
      String cache = environment.getOrDefault("GODWIT_CACHE", "");
      if (cache.isEmpty()) {
        String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
        cache = (xdg.isEmpty() ? System.getProperty("user.home") + "/.cache" : xdg) + "/godwit";
      }
      return Path.of(cache, "qemu-10.0", "qemu-system-x86_64");
    }

    @Override
    public String toString() {
      return "QEMU " + release;
    }
  }

  private final Process process;
  private final Path socket;
  private final Path errors;

  private RealQemu(Process process, Path socket, Path errors) {
    this.process = process;
    this.socket = socket;
    this.errors = errors;
  }

  /** Starts a machine of 32 MiB whose type both releases have. */
  static RealQemu start(Release release, Path directory, String... more) throws Exception {
    Path own = Files.createTempDirectory(directory, "qemu");
    Path socket = own.resolve("qmp");
    List<String> command =
        new ArrayList<>(
            List.of(release.binary().toString(), "-M", "pc-i440fx-7.2", "-m", "32", "-nodefaults"));
    command.addAll(List.of("-display", "none", "-accel", "tcg"));
    command.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
    command.addAll(List.of(more));
    Path errors = own.resolve("stderr");
    RealQemu qemu =
        new RealQemu(
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(errors.toFile())
                .start(),
            socket,
            errors);
    Deadline deadline = soon();
    while (!Files.exists(socket)) {
      if (qemu.process.waitFor(5, TimeUnit.MILLISECONDS) || deadline.hasPassed()) {
        String said = qemu.errors();
        qemu.close();
        throw new AssertionError(release + " did not start: " + said);
      }
    }
    return qemu;
  }

  static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }

  @FunctionalInterface
  private interface Connect<T> {
    T to(Path socket, Deadline deadline) throws QmpException;
  }

  /** A new connection. */
  QemuMonitor monitor() throws Exception {
    return connect(QemuMonitor::connect);
  }

  /** A new connection that knows no command. */
  QmpClient client() throws Exception {
    return connect(QmpClient::connect);
  }

  /** The socket exists a moment before QEMU listens on it. */
  private <T> T connect(Connect<T> connect) throws Exception {
    Deadline deadline = soon();
    while (true) {
      try {
        return connect.to(socket, deadline);
      } catch (QmpException.Unreachable e) {
        if (process.waitFor(5, TimeUnit.MILLISECONDS) || deadline.hasPassed()) {
          throw e;
        }
      }
    }
  }

  Path socket() {
    return socket;
  }

  /** What QEMU printed so far. */
  String errors() throws IOException {
    return Files.readString(errors);
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Sends a signal by name, such as STOP. */
  void signal(String name) throws Exception {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
    if (kill.waitFor() != 0) {
      throw new AssertionError("kill failed");
    }
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
