package dev.godwit.lab.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A source with a lab guest and a destination that waits, both real, with a monitor each that is
 * the test's own. The monitors at {@link Qemu#qmp} are free for whoever drives.
 */
public final class TwoQemus implements AutoCloseable {
  public static final Duration PATIENCE = Duration.ofSeconds(40L * Await.SLOWNESS);
  public static final int MEMORY_MIB = 32;

  /** Small enough to be checked whole in 64 ticks, large enough to take several packets. */
  private static final int WORKING_SET_MIB = 4;

  /** Where a PC has its video memory and firmware instead of RAM. */
  private static final int HOLE_FROM = 0xA0000;

  private static final int HOLE_TO = 0x100000;

  private final Path dir;
  private final Qemu source;
  private final Qemu destination;
  private final QemuMonitor sourceMonitor;
  private final QemuMonitor destinationMonitor;
  private long ticksAtStart;

  private TwoQemus(Path dir, Qemu source, Qemu destination) throws IOException {
    this.dir = dir;
    this.source = source;
    this.destination = destination;
    sourceMonitor = QemuMonitor.connect(source.observer(), soon());
    destinationMonitor = QemuMonitor.connect(destination.observer(), soon());
  }

  /** Starts both and lets the guest tick. */
  public static TwoQemus start(Path dir, QemuVersion from, QemuVersion to, String machineType)
      throws Exception {
    BootSector guest = BootSector.of(MEMORY_MIB, WORKING_SET_MIB).filled(BootSector.Fill.RANDOM);
    QemuMachine machine = QemuMachine.of(guest).ofType(machineType);
    return start(dir, from, machine, to, machine);
  }

  public static TwoQemus start(
      Path dir, QemuVersion from, QemuMachine here, QemuVersion to, QemuMachine there)
      throws Exception {
    Qemu source = Qemu.start(QemuBinary.require(from), here, dir.resolve("s"));
    try {
      Qemu destination = Qemu.start(QemuBinary.require(to), there.incoming(), dir.resolve("d"));
      try {
        TwoQemus both = new TwoQemus(dir, source, destination);
        both.ticksAtStart = both.expectTicks(10);
        return both;
      } catch (Exception e) {
        destination.close();
        throw e;
      }
    } catch (Exception e) {
      source.close();
      throw e;
    }
  }

  public Qemu source() {
    return source;
  }

  public Qemu destination() {
    return destination;
  }

  public QemuMonitor sourceMonitor() {
    return sourceMonitor;
  }

  public QemuMonitor destinationMonitor() {
    return destinationMonitor;
  }

  public static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(15L * Await.SLOWNESS));
  }

  /** Sets both sides as {@code settings} say, without judging them. */
  public void apply(List<String> settings) throws Exception {
    MigrationSettings parsed = MigrationSettings.parse(settings);
    destinationMonitor.apply(parsed, soon());
    sourceMonitor.apply(parsed, soon());
  }

  /**
   * The destination will not run its guest by itself, so that memories can be compared first
   * (qemu-wire.md §9.5a).
   */
  public void keepDestinationPaused() throws Exception {
    destinationMonitor.stop(soon());
  }

  /**
   * Waits until the guest has ticked {@code more} times on, wherever it runs, and nothing is wrong
   * with it.
   */
  public long expectTicks(long more) throws Exception {
    long now = ticks().last();
    SerialTicks ticks =
        SerialTicks.await(now + more, PATIENCE, source.serialLog(), destination.serialLog());
    assertThat(ticks.finding()).as("what the guest found").isEmpty();
    return ticks.last();
  }

  /** Ticks on until the guest has checked all its memory where it runs now. */
  public void expectGuestIntact() throws Exception {
    expectTicks(source.machine().guest().ticksToCheckAll() + 2L);
  }

  public SerialTicks ticks() throws IOException {
    return SerialTicks.read(source.serialLog(), destination.serialLog());
  }

  public long ticksAtStart() {
    return ticksAtStart;
  }

  /** Both guests are paused and have the same memory. */
  public void expectEqualMemory() throws Exception {
    Path here = memory(source, "source.ram");
    Path there = memory(destination, "destination.ram");
    try (FileChannel a = FileChannel.open(here);
        FileChannel b = FileChannel.open(there)) {
      assertThat(a.size()).isEqualTo(memoryBytes()).isEqualTo(b.size());
      MappedByteBuffer left = a.map(FileChannel.MapMode.READ_ONLY, 0, a.size());
      MappedByteBuffer right = b.map(FileChannel.MapMode.READ_ONLY, 0, b.size());
      assertThat(left.slice(0, HOLE_FROM).mismatch(right.slice(0, HOLE_FROM)))
          .as("memory below the hole")
          .isEqualTo(-1);
      int rest = (int) a.size() - HOLE_TO;
      assertThat(left.slice(HOLE_TO, rest).mismatch(right.slice(HOLE_TO, rest)))
          .as("memory above the hole")
          .isEqualTo(-1);
    }
  }

  private long memoryBytes() {
    return (long) source.machine().memoryMiB() << 20;
  }

  /** QEMU's own copy of guest memory. */
  public Path memory(Qemu qemu, String name) throws Exception {
    Path file = dir.resolve(name);
    Files.deleteIfExists(file);
    QemuMonitor monitor = qemu == source ? sourceMonitor : destinationMonitor;
    monitor.close();
    try (QmpClient client = QmpClient.connect(qemu.observer(), soon())) {
      client.execute(
          "pmemsave",
          client
              .arguments()
              .put("val", 0)
              .put("size", memoryBytes())
              .put("filename", file.toString()),
          soon());
    }
    try (RandomAccessFile whole = new RandomAccessFile(file.toFile(), "r")) {
      assertThat(whole.length()).isEqualTo(memoryBytes());
    }
    return file;
  }

  /** A monitor of the test's own, made anew after {@link #memory} has used the socket. */
  public static QemuMonitor again(Qemu qemu) throws Exception {
    return QemuMonitor.connect(qemu.observer(), soon());
  }

  /** Waits for the end of the migration at the source. */
  public MigrationStatus awaitSource() throws Exception {
    return sourceMonitor.awaitMigration(
        s -> s.state().isFinal(),
        Duration.ofSeconds(15L * Await.SLOWNESS),
        Deadline.after(PATIENCE));
  }

  public MigrationStatus awaitDestination() throws Exception {
    return destinationMonitor.awaitMigration(
        s -> s.state().isFinal(),
        Duration.ofSeconds(15L * Await.SLOWNESS),
        Deadline.after(PATIENCE));
  }

  /** The guest runs at the source and is intact, as after every failure before switchover. */
  public void expectRunningAtSource() throws Exception {
    RunStatus status = sourceMonitor.status(soon());
    assertThat(status.state()).as(status.stateName()).isEqualTo(RunStatus.State.RUNNING);
    long before = SerialTicks.read(source.serialLog()).last();
    SerialTicks ticks =
        SerialTicks.await(
            before + source.machine().guest().ticksToCheckAll(), PATIENCE, source.serialLog());
    assertThat(ticks.finding()).isEmpty();
  }

  /** What both QEMUs printed, for the message of a failure. */
  public String outputs() throws IOException {
    return "source: " + source.output() + "\ndestination: " + destination.output();
  }

  @Override
  public void close() throws Exception {
    sourceMonitor.close();
    destinationMonitor.close();
    try {
      source.close();
    } finally {
      destination.close();
    }
  }
}
