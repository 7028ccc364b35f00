package dev.godwit.lab.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.SerialTicks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/**
 * Two libvirtd with namespaces of their own, as {@code lab/libvirt/two-hosts} makes them, owned:
 * {@link #close} ends both with their QEMUs and returns when they are gone. Should the JVM end
 * before, however it does, they end with it. Their files stay in the directory.
 */
final class TwoHosts implements AutoCloseable {
  /** Source and destination of every migration here. */
  enum Host {
    A,
    B;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** What a command printed on both its outputs, and how it ended. */
  record Result(int status, String output) {}

  private static final Duration PATIENCE = Duration.ofSeconds(40);
  private static final String SCRIPT = "libvirt/two-hosts";

  private final Path dir;
  private final QemuBinary.Installed qemu;
  private final BootSector guest;
  private final Map<String, String> places;
  private final Process server;
  private final Path log;

  private TwoHosts(Path dir, QemuBinary.Installed qemu, BootSector guest) throws Exception {
    this.dir = dir;
    this.qemu = qemu;
    this.guest = guest;
    log = dir.resolve("two-hosts.log");
    places =
        expect("env")
            .lines()
            .collect(Collectors.toMap(l -> l.split("=", 2)[0], l -> l.split("=", 2)[1]));
    server = command("serve").redirectError(log.toFile()).start();
  }

  /**
   * Starts both and returns when both answer.
   *
   * @param dir empty, with a path short enough for sockets some directories below
   * @param guest what {@link #boot} starts
   */
  static TwoHosts start(Path dir, QemuBinary.Installed qemu, BootSector guest) throws Exception {
    TwoHosts hosts = new TwoHosts(dir, qemu, guest);
    try {
      Lines.of("two-hosts", hosts.server.getInputStream()).await("ready", 1, PATIENCE);
      return hosts;
    } catch (TimeoutException e) {
      hosts.close();
      throw new IllegalStateException(
          "Two libvirt hosts do not start: " + Files.readString(hosts.log).strip(), e);
    }
  }

  private ProcessBuilder command(String verb, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("basedir", ""), SCRIPT).toAbsolutePath().toString());
    command.add(verb);
    command.add(dir.toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("GODWIT_LAB_EMULATOR", qemu.path().toString());
    builder.environment().put("GODWIT_LAB_MEMORY", Integer.toString(guest.memoryMiB()));
    return builder;
  }

  private Result run(String verb, String... arguments) throws Exception {
    Path output = Files.createTempFile(dir, verb, ".out");
    Process process =
        command(verb, arguments).redirectErrorStream(true).redirectOutput(output.toFile()).start();
    process.getOutputStream().close();
    try {
      if (!process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new TimeoutException(
            "two-hosts " + verb + " has not ended: " + Files.readString(output));
      }
      return new Result(process.exitValue(), Files.readString(output).strip());
    } finally {
      process.destroyForcibly();
      Files.delete(output);
    }
  }

  private String expect(String verb, String... arguments) throws Exception {
    Result result = run(verb, arguments);
    assertThat(result.status()).as("two-hosts %s: %s", verb, result.output()).isZero();
    return result.output();
  }

  /** A path or id of the script's {@code env}. */
  String place(String key) {
    String place = places.get(key);
    if (place == null) {
      throw new IllegalArgumentException("two-hosts env has no " + key);
    }
    return place;
  }

  /** Ends the guest of an earlier run and starts a new one at host A; returns when it ticks. */
  void boot() throws Exception {
    Path image = Files.write(dir.resolve("guest.img"), guest.image());
    expect("forget");
    expect("guest", image.toString());
    expectTicks(5);
  }

  /** {@code virsh migrate --live} from A to B, over the socket of that name in /run/godwit. */
  Result migrate(String socket, List<String> options) throws Exception {
    List<String> all = new ArrayList<>(List.of("--migrateuri", "unix:///run/godwit/" + socket));
    all.addAll(options);
    return run("migrate", all.toArray(String[]::new));
  }

  /** {@code virsh domstate}, or {@code absent}. */
  String state(Host host) throws Exception {
    return expect("state", host.word());
  }

  /** A path below a host's /run/godwit, as it is seen from here. */
  Path socket(Host host, String name) {
    return socket(dir, host, name);
  }

  /** The same of hosts that have yet to start in {@code dir}. */
  static Path socket(Path dir, Host host, String name) {
    return dir.resolve(host.word()).resolve("run/godwit").resolve(name);
  }

  /** What the guest has said since it was started, wherever it was. */
  SerialTicks ticks() throws IOException {
    return SerialTicks.read(serial(Host.A), serial(Host.B));
  }

  /** The ticks of one host's life of the guest. */
  long linesAt(Host host) throws IOException {
    return Files.exists(serial(host)) ? Files.readString(serial(host)).lines().count() : 0;
  }

  /** Waits until the guest has ticked {@code more} times on, without a gap or a finding. */
  void expectTicks(long more) throws Exception {
    SerialTicks now = ticks();
    SerialTicks then =
        SerialTicks.await(now.last() + more, PATIENCE, serial(Host.A), serial(Host.B));
    assertThat(then.finding()).as("what the guest found").isEmpty();
  }

  /** Waits until the guest has checked all its memory where it runs now. */
  void expectGuestIntact() throws Exception {
    expectTicks(guest.ticksToCheckAll() + 2L);
  }

  private Path serial(Host host) {
    return Path.of(place("SERIAL_" + host));
  }

  /** What shows that both hosts are gone; taken while they run. */
  Traces traces() throws IOException {
    String init = Files.readString(dir.resolve("init")).split(" ", 2)[0];
    return Traces.of(Long.parseLong(init), dir);
  }

  /** Ends both; the script's exit status. */
  int end() throws Exception {
    server.getOutputStream().close();
    if (!server.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new TimeoutException("two-hosts does not end: " + Files.readString(log));
    }
    return server.exitValue();
  }

  @Override
  public void close() throws Exception {
    try {
      end();
    } finally {
      server.destroyForcibly();
    }
  }
}
