package dev.godwit.lab.rdma;

import dev.godwit.channel.image.ImageLayout;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.drive.SourceDrive;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The program in either VM of {@link QemuLinkCutTest}: Godwit's end of one round after the other,
 * or a QEMU and who drives it. It writes a line {@code ROUND WHAT} for what happens, and goes on
 * when there are files {@code WHAT-ROUND}.
 */
final class QemuLinkEnd {
  /** Which end it is. */
  enum Role {
    GODWIT,
    QEMU
  }

  /** Who is at the other end of Godwit's connection, and where the guest goes. */
  enum Round {
    FROM_7_2(QemuVersion.V7_2, true, 7710),
    INTO_7_2(QemuVersion.V7_2, false, 7711),
    FROM_10_0(QemuVersion.V10_0, true, 7712),
    INTO_10_0(QemuVersion.V10_0, false, 7713);

    private final QemuVersion version;
    private final boolean fromQemu;

    /** One a round, since a port whose connection was cut may not be free at once. */
    private final int port;

    Round(QemuVersion version, boolean fromQemu, int port) {
      this.version = version;
      this.fromQemu = fromQemu;
      this.port = port;
    }

    boolean isFromQemu() {
      return fromQemu;
    }
  }

  private static final int MEMORY_MIB = 16;

  /** So slow that a round takes longer than anything here. */
  private static final String SLOW = "max-bandwidth=300000";

  /** By then it is in the middle of the first round. */
  private static final long SOME_BYTES = 400_000;

  private final Path files;

  private QemuLinkEnd(Path files) {
    this.files = files;
  }

  /**
   * @param arguments a {@link Role}, the address of whoever listens in either direction (Godwit's
   *     and then QEMU's), where the files are, and the rounds
   */
  public static void main(String[] arguments) throws Exception {
    QemuLinkEnd end = new QemuLinkEnd(Path.of(arguments[3]));
    for (String name : List.of(arguments).subList(4, arguments.length)) {
      Round round = Round.valueOf(name);
      String uri = "rdma:" + arguments[round.fromQemu ? 1 : 2] + ":" + round.port;
      switch (Role.valueOf(arguments[0])) {
        case GODWIT -> end.godwit(round, Endpoint.parse(uri + "?liveness=2s"));
        case QEMU -> end.qemu(round, uri);
      }
    }
  }

  private void awaitFile(String what, Round round) {
    Path file = files.resolve(what + "-" + round);
    Await.until(file + " is there", () -> Files.exists(file));
  }

  private static void say(Round round, String what) {
    System.out.println(round + " " + what);
  }

  private void godwit(Round round, Endpoint endpoint) throws Exception {
    awaitFile("begin", round);
    if (round.fromQemu) {
      save(round, endpoint);
    } else {
      send(round, endpoint);
    }
  }

  /** Takes a guest as {@code godwit receive --image} does. */
  private static void save(Round round, Endpoint here) throws Exception {
    Path file = Files.createTempDirectory("image").resolve("vm.img");
    ImageTransfer.Limits limits = new ImageTransfer.Limits(1 << 30, Optional.empty(), false, false);
    ImageReport report =
        new ImageTransfer(Ends.TRANSPORTS, limits)
            .save(here, file, ImageLayout.STREAM, listening -> say(round, "listening"));
    say(round, "ended with " + report.outcome() + ": " + report.sentence());
  }

  /** A QEMU beside it sends its guest as by {@code godwit send}, in whose first round this ends. */
  private static void send(Round round, Endpoint target) throws Exception {
    Path directory = Files.createTempDirectory("source");
    MigrationSettings settings = MigrationSettings.parse(List.of(SLOW, "return-path=off"));
    try (Qemu source = Qemu.start(QemuBinary.require(round.version), machine(round), directory);
        QemuMonitor monitor = QemuMonitor.connect(source.observer(), TwoQemus.soon())) {
      SerialTicks.await(2, TwoQemus.PATIENCE, source.serialLog());
      SourceDrive drive =
          new SourceDrive(source.qmp(), target, settings, false, Ends.TRANSPORTS, progress -> {});
      Task<DriveReport> sending = Task.start("send", drive::run);
      awaitSomeMemory(monitor, sending::isDone);
      say(round, "moving");
      DriveReport report = sending.result();
      say(round, "ended with " + report.outcome() + ": " + report.sentence());
      MigrationStatus status = monitor.queryMigrate(TwoQemus.soon());
      say(round, "guest " + status.state() + " " + monitor.status(TwoQemus.soon()).state());
    }
  }

  /** Waits until it is in the middle of the first round, or {@code otherwise}. */
  private static void awaitSomeMemory(QemuMonitor source, BooleanSupplier otherwise) {
    Await.until(
        "memory is on its way",
        () ->
            otherwise.getAsBoolean()
                || source
                        .queryMigrate(TwoQemus.soon())
                        .ram()
                        .map(RamProgress::normalBytes)
                        .orElse(0L)
                    > SOME_BYTES);
  }

  private static QemuMachine machine(Round round) {
    BootSector guest =
        BootSector.of(MEMORY_MIB, 1).dirtying(2).ticking(20).filled(BootSector.Fill.RANDOM);
    return QemuMachine.of(guest).ofType("pc-i440fx-" + round.version.number());
  }

  private void qemu(Round round, String uri) throws Exception {
    awaitFile("start", round);
    QemuMachine machine = machine(round);
    Path directory = Files.createTempDirectory("qemu");
    try (Qemu qemu =
            Qemu.start(
                QemuBinary.require(round.version),
                round.fromQemu ? machine : machine.incoming(),
                directory);
        QemuMonitor monitor = QemuMonitor.connect(qemu.qmp(), TwoQemus.soon())) {
      if (round.fromQemu) {
        SerialTicks.await(2, TwoQemus.PATIENCE, qemu.serialLog());
        monitor.apply(MigrationSettings.parse(List.of(SLOW)), TwoQemus.soon());
        monitor.migrate(uri, TwoQemus.soon());
        awaitSomeMemory(monitor, () -> false);
        say(round, "moving");
        awaitFile("cancel", round);
        monitor.cancelMigration(TwoQemus.soon());
        MigrationStatus status =
            monitor.awaitMigration(
                s -> s.state().isFinal(), TwoQemus.PATIENCE, Deadline.after(TwoQemus.PATIENCE));
        say(round, "guest " + status.state() + " " + monitor.status(TwoQemus.soon()).state());
      } else {
        monitor.migrateIncoming(uri, TwoQemus.soon());
        say(round, "waiting");
        awaitFile("cancel", round);
      }
    }
  }
}
