package dev.godwit.lab.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * One QEMU process with a test guest, owned: {@link #close} kills it and returns when it is gone.
 *
 * <p>Everything it writes is in one directory of the caller's: the boot image, the guest's serial
 * log, QEMU's own output and two QMP sockets, since a socket serves one client at a time: {@link
 * #qmp} for whoever migrates the guest, {@link #observer} for whoever looks on. Closing leaves the
 * files as evidence and removes the sockets. Should the JVM end before, the process ends with it,
 * unless the JVM is killed outright.
 */
public final class Qemu implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(30);
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(5);
  private static final int SHOWN_LINES = 4;
  private static final Path UNIX_SOCKETS = Path.of("/proc/net/unix");
  private static final String ACCEPTS_CONNECTIONS = " 00010000 "; // the flag __SO_ACCEPTCON
  private static final int SOCKET_PATH_BYTES = 107; // of sun_path, without its terminator

  private final QemuBinary.Installed binary;
  private final QemuMachine machine;
  private final Path directory;
  private final Process process;
  private final Thread atExit;

  private Qemu(QemuBinary.Installed binary, QemuMachine machine, Path directory, Process process) {
    this.binary = binary;
    this.machine = machine;
    this.directory = directory;
    this.process = process;
    this.atExit = new Thread(process::destroyForcibly, "end QEMU " + process.pid());
  }

  /**
   * Starts QEMU and returns when both QMP sockets listen and the serial log is there; the guest may
   * not have booted yet.
   *
   * @param directory for this process alone, made if it is not there; its path must be short enough
   *     for a socket
   * @throws IOException if QEMU ended instead, with its last lines, or did not get there in 30
   *     seconds
   */
  public static Qemu start(QemuBinary.Installed binary, QemuMachine machine, Path directory)
      throws IOException, InterruptedException {
    Path here = Files.createDirectories(directory.toAbsolutePath());
    int socketPath =
        here.resolve("observer.sock").toString().getBytes(StandardCharsets.UTF_8).length;
    if (socketPath > SOCKET_PATH_BYTES) {
      throw new IOException(
          "A socket in "
              + here
              + " would have a path of "
              + socketPath
              + " bytes, the limit is "
              + SOCKET_PATH_BYTES);
    }
    Files.deleteIfExists(qmp(here));
    Files.deleteIfExists(observer(here));
    Files.write(here.resolve("boot.img"), machine.guest().image());
    var command = new ArrayList<String>();
    command.add(binary.path().toString());
    command.addAll(
        machine.arguments(
            here.resolve("boot.img"),
            here.resolve("serial.log"),
            List.of(qmp(here), observer(here))));
    var builder = new ProcessBuilder(command).directory(here.toFile()).redirectErrorStream(true);
    builder.redirectOutput(here.resolve("output.txt").toFile());
    Process process = builder.start();
    var qemu = new Qemu(binary, machine, here, process);
    try {
      process.getOutputStream().close();
      Runtime.getRuntime().addShutdownHook(qemu.atExit);
      qemu.awaitReady();
      return qemu;
    } catch (IOException | InterruptedException | RuntimeException e) {
      qemu.close();
      throw e;
    }
  }

  private static Path qmp(Path directory) {
    return directory.resolve("qmp.sock");
  }

  private static Path observer(Path directory) {
    return directory.resolve("observer.sock");
  }

  private void awaitReady() throws IOException, InterruptedException {
    long start = System.nanoTime();
    while (!Files.exists(serialLog()) || !listening()) {
      if (process.waitFor(BETWEEN_LOOKS.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException(
            binary.version()
                + " ended at once with status "
                + process.exitValue()
                + ": "
                + lastOutput());
      }
      if (System.nanoTime() - start > START_LIMIT.toNanos()) {
        throw new IOException(
            binary.version() + " did not start within " + START_LIMIT.toSeconds() + " s");
      }
    }
  }

  /** Whether both sockets listen; that a socket file exists says only that it was bound. */
  private boolean listening() throws IOException {
    List<String> listeners =
        Files.readAllLines(UNIX_SOCKETS, StandardCharsets.ISO_8859_1).stream()
            .filter(line -> line.contains(ACCEPTS_CONNECTIONS))
            .toList();
    return Stream.of(qmp(), observer())
        .allMatch(socket -> listeners.stream().anyMatch(line -> line.endsWith(" " + socket)));
  }

  /** The version that runs. */
  public QemuVersion version() {
    return binary.version();
  }

  /** The machine it was started as. */
  public QemuMachine machine() {
    return machine;
  }

  /** Where all its files are. */
  public Path directory() {
    return directory;
  }

  /** QMP socket for the one who migrates the guest. */
  public Path qmp() {
    return qmp(directory);
  }

  /** QMP socket for the one who looks on. */
  public Path observer() {
    return observer(directory);
  }

  /** What the guest has said while it ran in this process. */
  public Path serialLog() {
    return directory.resolve("serial.log");
  }

  /** Everything QEMU itself has written to its standard output and error. */
  public String output() throws IOException {
    return Files.readString(directory.resolve("output.txt"));
  }

  /** QEMU's process id. */
  public long pid() {
    return process.pid();
  }

  /** Whether the process is still there. */
  public boolean alive() {
    return process.isAlive();
  }

  /** The exit status, once the process has ended; 128 + the signal that ended it. */
  public OptionalInt exitStatus() {
    return process.isAlive() ? OptionalInt.empty() : OptionalInt.of(process.exitValue());
  }

  /**
   * Waits for the process to end by itself.
   *
   * @return its exit status
   * @throws TimeoutException if it was still there after that time
   */
  public int awaitExit(Duration limit) throws InterruptedException, TimeoutException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new TimeoutException(
          binary.version() + " still runs after " + limit.toMillis() + " ms");
    }
    return process.exitValue();
  }

  /** Kills the process as a crash would, at once; {@link #close} is still due. */
  public void kill() {
    process.destroyForcibly();
  }

  private String lastOutput() throws IOException {
    List<String> lines = output().lines().toList();
    return lines.isEmpty()
        ? "it said nothing"
        : String.join("; ", lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size()));
  }

  /**
   * Kills the process if it still runs, waits until it is gone, and removes its sockets;
   * idempotent.
   */
  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    boolean interrupted = false;
    while (process.isAlive()) {
      try {
        process.waitFor();
      } catch (InterruptedException e) {
        interrupted = true; // a killed process ends: first see it gone, then be interrupted
      }
    }
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException e) {
      // The JVM is ending already, and the process has ended with it.
    }
    Files.deleteIfExists(qmp());
    Files.deleteIfExists(observer());
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public String toString() {
    return binary.version()
        + " (pid "
        + process.pid()
        + ", "
        + machine.type()
        + ") in "
        + directory;
  }
}
