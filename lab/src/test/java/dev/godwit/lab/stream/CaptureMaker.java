package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.stream.Capture.Connection;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Starts a QEMU, lets its guest fill its memory, pauses it, migrates it to a recorder, and saves
 * the memory. Where memory must change between passes, gdb's stub changes it. Of the modes in which
 * a guest runs, a background snapshot lets even one run that was paused, so its memory is saved
 * before; in postcopy the source keeps what it had when it stopped.
 */
final class CaptureMaker {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Pages of zeroes below, then pages that do not compress, and a BIOS that does. */
  static final BootSector GUEST =
      BootSector.of(Capture.MEMORY_MIB, 2).filled(BootSector.Fill.RANDOM);

  private static final int DISK_BYTES = 4 << 20;

  private static final int PASSES = 5;
  private static final int CHANGED_PAGES = 64;
  private static final int CHANGES_A_PAGE = 3;

  private final Kind kind;
  private final Path directory;

  CaptureMaker(Kind kind, Path directory) {
    this.kind = kind;
    this.directory = directory;
  }

  Capture make() throws Exception {
    QemuMachine machine = QemuMachine.of(GUEST).ofType(kind.machineType());
    Path gdb = directory.resolve("gdb.sock");
    QemuMachine here =
        switch (kind.mode()) {
          case XBZRLE -> machine.with("-gdb", "unix:" + gdb + ",server=on,wait=off");
          case DIRTY_BITMAPS -> machine.with("-blockdev", disk());
          default -> machine;
        };
    try (Qemu source = start(here, "s");
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), soon())) {
      SerialTicks.await(2, PATIENCE, source.serialLog());
      if (!kind.running()) {
        monitor.stop(soon());
      }
      if (kind.mode() == Mode.DIRTY_BITMAPS) {
        dirtyBitmaps(source);
      }
      monitor.apply(settings(), soon());
      boolean runsAfterwards = kind.mode() == Mode.BACKGROUND_SNAPSHOT;
      if (runsAfterwards) {
        saveMemory(source);
      }
      List<Connection> connections =
          switch (kind.mode().layout()) {
            case FILE -> toFile(monitor);
            case STREAM -> toRecorder(monitor, gdb);
            case BOTH_WAYS ->
                kind.mode() == Mode.RECOVERY
                    ? throughTwoRecorders(monitor, machine.incoming())
                    : throughRecorder(monitor, machine.incoming());
          };
      if (!runsAfterwards) {
        saveMemory(source);
      }
      return new Capture(kind, connections, memory());
    }
  }

  private Qemu start(QemuMachine machine, String name) throws Exception {
    return Qemu.start(
        QemuBinary.require(kind.version()),
        machine,
        Files.createDirectories(directory.resolve(name)));
  }

  private MigrationSettings settings() throws Exception {
    return MigrationSettings.parse(kind.mode().settings());
  }

  private List<Connection> toFile(QemuMonitor source) throws Exception {
    Path image = directory.resolve("image.bin");
    source.migrate("file:" + image, soon());
    awaitCompleted(source);
    return List.of(new Connection("main", image, directory.resolve("image.backward")));
  }

  private List<Connection> toRecorder(QemuMonitor source, Path gdb) throws Exception {
    Path socket = directory.resolve("in.sock");
    try (Recorder recorder = new Recorder(socket, directory, Optional.empty())) {
      source.migrate("unix:" + socket, soon());
      if (kind.mode() == Mode.XBZRLE) {
        changeBetweenPasses(source, gdb);
      } else {
        awaitCompleted(source);
      }
      return recorder.await(1 + kind.mode().multifdChannels());
    }
  }

  /** Memory follows slowly until the guest has asked for some of it. */
  private List<Connection> throughRecorder(QemuMonitor source, QemuMachine machine)
      throws Exception {
    Path onward = directory.resolve("on.sock");
    try (Qemu destination = start(machine, "d");
        QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon());
        Recorder recorder = recorder("in", onward)) {
      monitor.apply(settings(), soon());
      monitor.migrateIncoming("unix:" + onward, soon());
      beginPostcopy(source);
      endPostcopy(source, monitor);
      return recorder.await(kind.mode().connections().size());
    }
  }

  /** The connection breaks while memory follows, and another one takes its place. */
  private List<Connection> throughTwoRecorders(QemuMonitor source, QemuMachine machine)
      throws Exception {
    Path onward = directory.resolve("on.sock");
    Path again = directory.resolve("again.sock");
    try (Qemu destination = start(machine, "d");
        QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon());
        Recorder first = recorder("in", onward);
        Recorder second = recorder("re", again)) {
      monitor.apply(settings(), soon());
      monitor.migrateIncoming("unix:" + onward, soon());
      beginPostcopy(source);
      first.cut();
      await(source, now -> now.state() == MigrationState.POSTCOPY_PAUSED);
      await(monitor, now -> now.state() == MigrationState.POSTCOPY_PAUSED);
      monitor.recoverIncoming("unix:" + again, soon());
      source.resumeMigration("unix:" + socket("re"), soon());
      endPostcopy(source, monitor);
      return Stream.concat(first.await(1).stream(), second.await(1).stream()).toList();
    }
  }

  private Path socket(String name) {
    return directory.resolve(name + ".sock");
  }

  private Recorder recorder(String name, Path onward) throws IOException {
    return new Recorder(socket(name), directory.resolve(name), Optional.of(onward));
  }

  private void beginPostcopy(QemuMonitor source) throws Exception {
    source.migrate("unix:" + socket("in"), soon());
    await(source, status -> pass(status) >= 1);
    source.startPostcopy(soon());
    long requests = kind.running() ? 1 : 0;
    await(source, now -> now.state().isPostcopy() && requests(now) >= requests);
  }

  private void endPostcopy(QemuMonitor source, QemuMonitor destination) throws Exception {
    source.apply(MigrationSettings.parse(List.of("max-postcopy-bandwidth=0")), soon());
    awaitCompleted(source);
    awaitCompleted(destination);
  }

  /** A disk that no device of the guest has, under a name. */
  private String disk() throws IOException {
    Path disk = Files.write(directory.resolve("disk.raw"), new byte[DISK_BYTES]);
    return "driver=raw,node-name=disk0,file.driver=file,file.filename=" + disk;
  }

  /** Two bitmaps of the disk, one of them with something in it. */
  private static void dirtyBitmaps(Qemu qemu) throws IOException {
    try (QmpClient client = QmpClient.connect(qemu.observer(), soon())) {
      for (String name : List.of("changed", "clean")) {
        client.execute(
            "block-dirty-bitmap-add",
            client.arguments().put("node", "disk0").put("name", name).put("granularity", 65536),
            soon());
        if (name.equals("changed")) {
          client.execute(
              "human-monitor-command",
              client.arguments().put("command-line", "qemu-io disk0 \"write -P 1 128k 256k\""),
              soon());
        }
      }
    }
  }

  /**
   * Changes some bytes of some pages. What changes in the first pass is sent whole in the second
   * and known from then on; what changes later, at the latest before the last pass, which waits for
   * it, is sent as differences.
   */
  private void changeBetweenPasses(QemuMonitor source, Path gdb) throws Exception {
    try (GdbStub stub = new GdbStub(gdb)) {
      MigrationStatus status = await(source, now -> pass(now) >= 1);
      for (int round = 0;
          status.state() == MigrationState.ACTIVE && pass(status) < PASSES;
          round++) {
        change(stub, round);
        status = await(source, now -> true);
      }
      await(source, now -> now.state() == MigrationState.PRE_SWITCHOVER);
      change(stub, PASSES);
      source.continueFromPreSwitchover(soon());
      awaitCompleted(source);
      long deltas =
          source.queryMigrate(soon()).xbzrle().map(MigrationStatus.Xbzrle::pages).orElse(0L);
      assertThat(deltas)
          .as("pages of %s sent as differences", kind)
          .isGreaterThanOrEqualTo(CHANGED_PAGES);
    }
  }

  private static void change(GdbStub stub, int round) throws IOException {
    for (int page = 0; page < CHANGED_PAGES; page++) {
      for (int i = 0; i < CHANGES_A_PAGE; i++) {
        long at = (page * 61L + i * 1361L + round * 7L) % BootSector.PAGE_BYTES;
        long from = GUEST.workingSetFrom() + (long) page * BootSector.PAGE_BYTES;
        stub.write(from + at, round + page + i);
      }
    }
  }

  private static long pass(MigrationStatus status) {
    return status.ram().map(RamProgress::pass).orElse(0L);
  }

  private static long requests(MigrationStatus status) {
    return status.ram().map(RamProgress::postcopyRequests).orElse(0L);
  }

  private static MigrationStatus await(QemuMonitor monitor, Predicate<MigrationStatus> wanted)
      throws QmpException {
    return monitor.awaitMigration(
        status -> status.isFinal() || wanted.test(status), PATIENCE, Deadline.after(PATIENCE));
  }

  private void awaitCompleted(QemuMonitor monitor) throws QmpException {
    awaitCompleted(monitor, kind);
  }

  /** Waits until that QEMU says that its migration is over and well. */
  static void awaitCompleted(QemuMonitor monitor, Kind kind) throws QmpException {
    MigrationStatus status = await(monitor, MigrationStatus::isFinal);
    assertThat(status.state())
        .as("%s: %s", kind, status.error().orElse("no reason given"))
        .isEqualTo(MigrationState.COMPLETED);
  }

  private Path memory() {
    return directory.resolve("memory.bin");
  }

  private void saveMemory(Qemu qemu) throws IOException {
    saveMemory(qemu, memory());
  }

  /** Has QEMU write its guest's physical memory to a file. */
  static void saveMemory(Qemu qemu, Path file) throws IOException {
    try (QmpClient client = QmpClient.connect(qemu.observer(), soon())) {
      client.execute(
          "pmemsave",
          client
              .arguments()
              .put("val", 0)
              .put("size", Capture.MEMORY_BYTES)
              .put("filename", file.toString()),
          soon());
    }
    assertThat(file).hasSize(Capture.MEMORY_BYTES);
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
