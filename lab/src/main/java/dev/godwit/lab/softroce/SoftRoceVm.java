package dev.godwit.lab.softroce;

import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A running lab VM, owned: {@link #close} kills it and returns when it and its files are gone.
 * Should this JVM end before, however it ends, the VM does too.
 *
 * <p>In it the host's file system is visible under the same paths; what is written there stays in
 * the VM's memory, but for {@link VmOptions#share}. Its device is {@code rxe0} on {@code eth0} at
 * {@link #address}, with a path MTU of 4096.
 *
 * <p>Any thread may call it; commands run one after another.
 */
public final class SoftRoceVm implements AutoCloseable {
  /** How long to wait before looking again at what QEMU does not announce. */
  static final Duration BETWEEN_LOOKS = Duration.ofMillis(20);

  private static final Duration LINK_LIMIT = Duration.ofSeconds(30);
  private static final int SOCKET_PATH_BYTES = 107; // of sun_path, without its terminator
  private static final int TOKEN_BYTES = 16;
  private static final int SHOWN_LINES = 12;
  private static final int SHOWN_TROUBLES = 4;
  private static final Pattern TROUBLE = Pattern.compile("Kernel panic|BUG:|Oops|Out of memory");

  private final VmOptions options;
  private final VmDirectory owned;
  private final Path directory;
  private final Path console;
  private final Process process;
  private final Thread atExit;
  private final ReentrantLock turn = new ReentrantLock();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Map<String, SocketChannel> ports = new LinkedHashMap<>();
  private final CompletableFuture<Void> death;
  private @Nullable QmpClient qmp;
  private @Nullable VmControl control;
  private @Nullable CommandOutput stdout;
  private @Nullable CommandOutput stderr;
  private int scripts;

  private SoftRoceVm(VmOptions options, VmDirectory owned, Path console, Process process) {
    this.options = options;
    this.owned = owned;
    this.directory = owned.path();
    this.console = console;
    this.process = process;
    this.death = new CompletableFuture<>();
    this.atExit = new Thread(process::destroyForcibly, "end lab VM " + process.pid());
  }

  /**
   * Boots a VM and returns when it takes commands and its device is active.
   *
   * @throws VmException.Unavailable if this host lacks something
   * @throws VmException.Ended if the VM did not come up, with the end of its console
   * @throws VmException.TimedOut if it took longer than {@link VmOptions#startLimit}
   */
  public static SoftRoceVm start(VmOptions options) throws IOException, InterruptedException {
    Deadline deadline = Deadline.after(options.startLimit());
    SoftRoceVm vm = launch(options, deadline);
    vm.awaitReady(deadline);
    return vm;
  }

  /** Starts QEMU and returns when it listens to everyone; the VM still boots. */
  static SoftRoceVm launch(VmOptions options, Deadline deadline)
      throws IOException, InterruptedException {
    VmKit.Installed kit = VmKit.require();
    VmDirectory owned = VmDirectory.create();
    Path directory = owned.path();
    boolean started = false;
    try {
      Path console = options.console().orElse(directory.resolve("console"));
      prepare(options, directory);
      Process process =
          new ProcessBuilder(VmArguments.of(kit, options, directory, console))
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("output").toFile())
              .start();
      SoftRoceVm vm = new SoftRoceVm(options, owned, console, process);
      started = true; // from here on closing it cleans up
      vm.open(deadline);
      return vm;
    } finally {
      if (!started) {
        owned.close();
      }
    }
  }

  private static void prepare(VmOptions options, Path directory) throws IOException {
    Path longest = directory.resolve("control");
    if (longest.toString().getBytes(StandardCharsets.UTF_8).length > SOCKET_PATH_BYTES) {
      throw new VmException.Unavailable(
          "The temporary directory's path is too long for sockets in it: " + directory);
    }
    Path files = Files.createDirectory(directory.resolve("files"));
    try (InputStream script =
        Objects.requireNonNull(SoftRoceVm.class.getResourceAsStream("guest.sh"))) {
      Files.copy(script, files.resolve("guest"));
    }
    VmNetwork network = options.network();
    Files.writeString(
        files.resolve("settings"),
        "hostname=%s\naddress=%s/24\naddress6=%s/64\nshare=%s\n"
            .formatted(
                network.hostname(),
                network.address(),
                network.address6(),
                options.share().map(path -> GuestCommand.quoted(path.toString())).orElse("")));
  }

  private void open(Deadline deadline) throws IOException, InterruptedException {
    boolean open = false;
    try {
      Runtime.getRuntime().addShutdownHook(atExit);
      var _ = process.onExit().thenRun(() -> death.complete(null));
      process.getOutputStream().close();
      qmp = connectMonitor(deadline);
      for (String port : VmArguments.PORTS) {
        ports.put(port, SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(port))));
      }
      stdout = new CommandOutput("stdout", input("stdout"));
      stderr = new CommandOutput("stderr", input("stderr"));
      control = new VmControl(input("control"), output("control"));
      output("alive").write('\n');
      open = true;
    } finally {
      if (!open) {
        close();
      }
    }
  }

  /** Returns when commands can run; a VM that does not come up is closed. */
  void awaitReady(Deadline deadline) throws IOException, InterruptedException {
    boolean ready = false;
    try {
      await(Objects.requireNonNull(control).ready(), deadline, "The VM was not ready");
      ready = true;
    } finally {
      if (!ready) {
        close();
      }
    }
  }

  private QmpClient connectMonitor(Deadline deadline) throws IOException, InterruptedException {
    while (true) {
      try {
        return QmpClient.connect(directory.resolve("qmp"), deadline);
      } catch (QmpException e) {
        if (awaitEnd(BETWEEN_LOOKS)) {
          throw ended("The VM did not start", e);
        }
        if (deadline.hasPassed()) {
          throw new VmException.TimedOut(
              "The VM was not ready before its deadline: " + e.getMessage());
        }
      }
    }
  }

  private InputStream input(String port) {
    return Channels.newInputStream(Objects.requireNonNull(ports.get(port)));
  }

  private OutputStream output(String port) {
    return Channels.newOutputStream(Objects.requireNonNull(ports.get(port)));
  }

  /** What it was started with. */
  public VmOptions options() {
    return options;
  }

  /** The IPv4 address of its device. */
  public String address() {
    return options.network().address();
  }

  /** The process id of its QEMU. */
  public long pid() {
    return process.pid();
  }

  /** Waits at most so long, and says whether it has ended. */
  boolean awaitEnd(Duration limit) throws InterruptedException {
    return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Whether it still runs. */
  public boolean alive() {
    return process.isAlive();
  }

  /**
   * Runs a command and returns its exit status, which is 127 if there is no such program, 126 if it
   * cannot be started, and 128 + the signal that ended it. All processes that it leaves behind are
   * killed when it ends.
   *
   * @param out receives its standard output as it comes; not closed
   * @param err receives its standard error as it comes; not closed
   * @throws VmException.TimedOut if it did not end before the deadline; the VM is then closed
   * @throws VmException.Ended if the VM ended before it
   * @throws IOException if one of the streams failed; the command has ended by itself
   * @throws InterruptedException if this thread was interrupted; the VM is then closed
   */
  public int run(GuestCommand command, OutputStream out, OutputStream err, Deadline deadline)
      throws IOException, InterruptedException {
    turn.lockInterruptibly();
    boolean answered = false;
    try {
      if (closed.get() || !process.isAlive()) {
        answered = true;
        throw ended("The VM has ended", null);
      }
      String script = Integer.toString(++scripts);
      String token = token();
      Files.writeString(directory.resolve("files").resolve(script), command.script());
      byte[] mark = CommandOutput.mark(token);
      CompletableFuture<Void> outEnd = Objects.requireNonNull(stdout).until(mark, out);
      CompletableFuture<Void> errEnd = Objects.requireNonNull(stderr).until(mark, err);
      CompletableFuture<Integer> status = tell(script, token);
      CompletableFuture<Void> shown =
          CompletableFuture.allOf(outEnd, errEnd).exceptionally(e -> null);
      await(
          CompletableFuture.allOf(shown, status),
          deadline,
          "'" + String.join(" ", command.words()) + "' did not end");
      answered = true;
      rethrow(outEnd);
      rethrow(errEnd);
      return status.join();
    } finally {
      turn.unlock();
      if (!answered) {
        close();
      }
    }
  }

  private CompletableFuture<Integer> tell(String script, String token) throws IOException {
    try {
      return Objects.requireNonNull(control).run(script, token);
    } catch (IOException e) {
      throw ended("The VM has ended", e);
    }
  }

  private static void rethrow(CompletableFuture<Void> end) throws IOException {
    if (end.isCompletedExceptionally() && end.exceptionNow() instanceof IOException failure) {
      throw failure;
    }
  }

  /**
   * Cuts the wire behind the interface, both ways: frames vanish and nobody is told, neither this
   * VM nor the one at the other end.
   */
  public void cutLink() throws QmpException {
    link(VmArguments.WIRE, false);
  }

  /** Mends what {@link #cutLink} has cut. */
  public void restoreLink() throws QmpException {
    link(VmArguments.WIRE, true);
  }

  /** Pulls the plug of the interface: it loses its carrier and the port of the device goes down. */
  public void unplug() throws QmpException {
    link(VmArguments.PLUG, false);
  }

  /** Puts the plug in again. */
  public void plugIn() throws QmpException {
    link(VmArguments.PLUG, true);
  }

  private void link(String name, boolean up) throws QmpException {
    QmpClient monitor = Objects.requireNonNull(qmp);
    monitor.execute(
        "set_link",
        monitor.arguments().put("name", name).put("up", up),
        Deadline.after(LINK_LIMIT));
  }

  /** What its kernel has said, in lines; nothing once it is closed and nobody keeps it. */
  public List<String> console() throws IOException {
    if (!Files.exists(console)) {
      return List.of();
    }
    return Files.readString(console, StandardCharsets.ISO_8859_1)
        .lines()
        .map(line -> line.replaceAll("\u001b\\[[0-9;?]*[A-Za-z]|\\p{Cntrl}", "").strip())
        .filter(line -> !line.isEmpty())
        .toList();
  }

  private void await(CompletableFuture<?> wanted, Deadline deadline, String what)
      throws IOException, InterruptedException {
    try {
      CompletableFuture.anyOf(wanted, death).get(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new VmException.TimedOut(withEvidence(what + " before its deadline"));
    } catch (ExecutionException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      throw ended(what + ": " + cause.getMessage(), cause);
    }
    if (!wanted.isDone()) {
      throw ended(what + ": the VM has ended", null);
    }
  }

  private VmException.Ended ended(String what, @Nullable Throwable cause) {
    return new VmException.Ended(withEvidence(what), cause);
  }

  /** The last lines of QEMU and of the kernel, for whoever cannot look at them any more. */
  private String withEvidence(String sentence) {
    List<String> lines = new ArrayList<>();
    try {
      Path output = directory.resolve("output");
      if (Files.exists(output)) {
        lines.addAll(last(Files.readAllLines(output, StandardCharsets.ISO_8859_1)));
      }
      List<String> said = console();
      List<String> recent = last(said);
      said.stream()
          .filter(line -> TROUBLE.matcher(line).find() && !recent.contains(line))
          .limit(SHOWN_TROUBLES)
          .forEach(lines::add);
      lines.addAll(recent);
    } catch (IOException e) {
      lines.add("its console cannot be read: " + e.getMessage());
    }
    return lines.isEmpty()
        ? sentence
        : sentence + "; it said last:\n  " + String.join("\n  ", lines);
  }

  private static List<String> last(List<String> lines) {
    return lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size());
  }

  private static String token() {
    byte[] token = new byte[TOKEN_BYTES];
    ThreadLocalRandom.current().nextBytes(token);
    return HexFormat.of().formatHex(token);
  }

  /** Kills the VM, waits until it is gone, and removes its files; idempotent, from any thread. */
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
      if (closed.compareAndSet(false, true)) {
        release();
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void release() throws IOException {
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException e) {
      // The JVM is ending already, and the process has ended with it.
    }
    if (qmp != null) {
      qmp.close();
    }
    for (SocketChannel port : ports.values()) {
      port.close();
    }
    owned.close();
  }

  @Override
  public String toString() {
    return "lab VM " + options.network().hostname() + " (pid " + process.pid() + ")";
  }
}
