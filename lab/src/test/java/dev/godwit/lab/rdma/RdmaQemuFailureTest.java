package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.lab.stream.QemuGuest;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.rdma.RdmaStatistics;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Migrations over QEMU's own {@code rdma:} that end in the middle of a round, because one side is
 * told to or is killed: the guest runs on at the source, and the other side fails soon.
 */
@Tag(Rdma.TAG)
final class RdmaQemuFailureTest {
  private static final Seed SEED = Seed.of("RdmaQemuFailureTest");
  private static final int MEMORY_MIB = 16;
  private static final int PORT = 7490;

  /** So slow that a round takes longer than anything here. */
  private static final String SLOW = "max-bandwidth=300000";

  /** By then it is in the middle of the first round. */
  private static final long SOME_BYTES = 400_000;

  /** From what happened to the other side's knowing so. */
  private static final Duration BOUND = Duration.ofSeconds(10L * Await.SLOWNESS);

  @TempDir private Path directory;
  private int destinations;

  /** Who is at the source. */
  enum Origin {
    QEMU,
    GODWIT,
    QEMU_BEHIND_A_BRIDGE
  }

  record Cell(Origin origin, QemuVersion version) {
    @Override
    public String toString() {
      return origin + ", " + version.number();
    }
  }

  /** Two of them with a version by chance, or all. */
  static Stream<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (Origin origin : Origin.values()) {
      for (QemuVersion version : QemuVersion.values()) {
        cells.add(new Cell(origin, version));
      }
    }
    Collections.shuffle(cells, SEED.random());
    Set<Origin> seen = EnumSet.noneOf(Origin.class);
    return Boolean.getBoolean("godwit.full")
        ? cells.stream()
        : cells.stream().filter(cell -> seen.add(cell.origin())).limit(2);
  }

  @ParameterizedTest
  @MethodSource("cells")
  void theSourceRunsOn(Cell cell) throws Exception {
    switch (cell.origin()) {
      case QEMU -> aQemuSource(cell.version());
      case GODWIT -> aGodwitSource(cell.version());
      case QEMU_BEHIND_A_BRIDGE -> aSourceBehindABridge(cell.version());
    }
  }

  private static QemuMachine machine(QemuVersion version) {
    BootSector guest =
        BootSector.of(MEMORY_MIB, 1).dirtying(2).ticking(20).filled(BootSector.Fill.RANDOM);
    return QemuMachine.of(guest).ofType("pc-i440fx-" + version.number());
  }

  private void aQemuSource(QemuVersion version) throws Exception {
    try (Qemu source =
            Qemu.start(QemuBinary.require(version), machine(version), directory.resolve("s"));
        QemuMonitor here = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(2, TwoQemus.PATIENCE, source.serialLog());
      try (QemuGuest guest = KeptGuests.like(here, directory.resolve("layout.img"))) {
        here.apply(MigrationSettings.parse(List.of(SLOW)), TwoQemus.soon());
        cancelled(source, here, guest);
        Leaks leaks = Leaks.baseline(directory);
        cancelled(source, here, guest);
        leaks.awaitNone();
        withGodwitKilled(source, here);
        withItKilled(source, here);
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(SEED + " " + source.output()));
        throw e;
      }
    }
  }

  /** It is told to end the migration. */
  private static void cancelled(Qemu source, QemuMonitor here, QemuGuest guest) throws Exception {
    try (Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri("")));
        DestinationMigration in = new DestinationMigration(guest, listener, Ends.parameters())) {
      in.start();
      begin(here, listener.local());
      long start = System.nanoTime();
      here.cancelMigration(TwoQemus.soon());
      expectFailure(in);
      expectSoon(start);
      assertThat(in.state()).isEqualTo(DestinationState.FAILED);
      assertThat(guest.isRunning()).isFalse();
      assertThat(KeptGuests.awaitEnd(here).state()).isEqualTo(MigrationState.CANCELLED);
      expectRunning(source, here);
    }
  }

  private void withGodwitKilled(Qemu source, QemuMonitor here) throws Exception {
    try (GodwitProcess saves = receive()) {
      begin(here, saves.awaitListening());
      long start = System.nanoTime();
      saves.signal("KILL");
      assertThat(KeptGuests.awaitEnd(here).state()).isEqualTo(MigrationState.FAILED);
      expectSoon(start);
      expectRunning(source, here);
    }
  }

  /** It is killed, and a command that saves it says so. */
  private void withItKilled(Qemu source, QemuMonitor here) throws Exception {
    try (GodwitProcess saves = receive()) {
      begin(here, saves.awaitListening());
      long start = System.nanoTime();
      source.kill();
      saves.expectExit(ExitCode.FAILED.code());
      expectSoon(start);
      assertThat(saves.sentence()).contains("Source side: ", "; the VM is at the source");
      assertThat(directory.resolve("vm.img")).doesNotExist();
    }
  }

  private GodwitProcess receive() throws IOException {
    return GodwitProcess.start(
        "receive", "--image", directory.resolve("vm.img").toString(), Rdma.uri(""));
  }

  /** Begins to migrate there, and returns in the middle of the first round. */
  private static void begin(QemuMonitor here, Endpoint to) throws Exception {
    here.migrate("rdma:" + to.address(), TwoQemus.soon());
    Await.until(
        "memory is on its way",
        () ->
            here.queryMigrate(TwoQemus.soon()).ram().map(RamProgress::normalBytes).orElse(0L)
                > SOME_BYTES,
        () -> String.valueOf(status(here)));
  }

  private static Object status(QemuMonitor monitor) {
    try {
      return monitor.queryMigrate(TwoQemus.soon());
    } catch (IOException e) {
      return e;
    }
  }

  private static void expectRunning(Qemu source, QemuMonitor here) throws Exception {
    assertThat(here.status(TwoQemus.soon()).running()).as("the guest runs").isTrue();
    long before = SerialTicks.read(source.serialLog()).last();
    assertThat(SerialTicks.await(before + 3, TwoQemus.PATIENCE, source.serialLog()).finding())
        .isEmpty();
  }

  private static void expectSoon(long startNanos) {
    assertThat(Duration.ofNanos(System.nanoTime() - startNanos)).isLessThan(BOUND);
  }

  private static void expectFailure(DestinationMigration in) {
    try {
      in.await();
    } catch (MigrationException e) {
      assertThat(e.kind()).as("%s", e.getCause()).isEqualTo(MigrationException.Kind.FAILED);
      assertThat(e.getCause()).isInstanceOf(IOException.class);
      return;
    }
    throw new AssertionError("The destination has the guest");
  }

  private void aGodwitSource(QemuVersion version) throws Exception {
    QemuMachine machine = machine(version);
    Path image = directory.resolve("layout.img");
    try (QemuGuest guest = saved(version, machine, image)) {
      WritingGuest.fillWithJunk(guest, SEED.random());
      guest.resume();
      withDestinationKilled(guest, version, machine);
      Leaks leaks = Leaks.baseline(directory);
      withDestinationKilled(guest, version, machine);
      cancelled(guest, version, machine);
      leaks.awaitNone();
      sendingKilled(image, version, machine);
    }
  }

  private QemuGuest saved(QemuVersion version, QemuMachine machine, Path image) throws Exception {
    try (Qemu source = Qemu.start(QemuBinary.require(version), machine, directory.resolve("s"));
        QemuMonitor here = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(2, TwoQemus.PATIENCE, source.serialLog());
      return KeptGuests.like(here, image);
    }
  }

  /** A QEMU that waits for a guest. */
  private record Destination(Qemu qemu, QemuMonitor monitor, String uri) implements AutoCloseable {
    /** It knows that no guest comes any more; most end then. */
    void expectFailure() {
      long start = System.nanoTime();
      Await.until(
          "the destination fails",
          () -> !qemu.alive() || isFailed(),
          () -> String.valueOf(status(monitor)));
      expectSoon(start);
    }

    private boolean isFailed() {
      try {
        return monitor.queryMigrate(TwoQemus.soon()).state() == MigrationState.FAILED;
      } catch (IOException e) {
        return false; // It ends just now.
      }
    }

    @Override
    public void close() throws IOException {
      monitor.close();
      qemu.close();
    }
  }

  private Destination destination(QemuVersion version, QemuMachine machine) throws Exception {
    int number = destinations++;
    Qemu qemu =
        Qemu.start(
            QemuBinary.require(version), machine.incoming(), directory.resolve("d" + number));
    QemuMonitor monitor = QemuMonitor.connect(qemu.qmp(), TwoQemus.soon());
    String uri = "rdma:" + Rdma.address() + ":" + (PORT + number);
    monitor.migrateIncoming(uri, TwoQemus.soon());
    return new Destination(qemu, monitor, uri);
  }

  /** A migration that is in the middle of its first round. */
  private interface Middle {
    void reached(SourceMigration out) throws Exception;
  }

  private static MigrationException broken(QemuGuest guest, String uri, Middle middle)
      throws Exception {
    try (Dialer dialer = Ends.TRANSPORTS.dialer(Endpoint.parse(uri));
        SourceMigration out =
            new SourceMigration(guest, dialer, Ends.parameters(SLOW), DestinationKind.QEMU)) {
      Task<?> migration =
          Task.start(
              "source",
              () -> {
                out.migrate();
                return "The destination has the guest";
              });
      Await.until(
          "memory is on its way",
          () -> migration.isDone() || out.statistics().normalBytes() > SOME_BYTES);
      long start = System.nanoTime();
      middle.reached(out);
      MigrationException failure = (MigrationException) migration.failure();
      expectSoon(start);
      assertThat(guest.isRunning()).as("the guest runs").isTrue();
      out.close();
      assertThat(RdmaStatistics.of(dialer.peer()).orElseThrow().bytes()).isZero();
      return failure;
    }
  }

  private void withDestinationKilled(QemuGuest guest, QemuVersion version, QemuMachine machine)
      throws Exception {
    try (Destination destination = destination(version, machine)) {
      MigrationException failure =
          broken(
              guest,
              destination.uri(),
              out -> {
                destination.qemu().kill();
              });
      assertThat(failure.kind()).isEqualTo(MigrationException.Kind.FAILED);
      assertThat(failure.getCause()).isInstanceOf(IOException.class);
    }
  }

  private void cancelled(QemuGuest guest, QemuVersion version, QemuMachine machine)
      throws Exception {
    try (Destination destination = destination(version, machine)) {
      MigrationException failure =
          broken(
              guest,
              destination.uri(),
              out -> {
                assertThat(out.cancel("the test wants it")).isTrue();
              });
      assertThat(failure.kind()).isEqualTo(MigrationException.Kind.CANCELLED);
      destination.expectFailure();
    }
  }

  /** The command that restores an image is killed, and the QEMU that it goes to ends. */
  private void sendingKilled(Path image, QemuVersion version, QemuMachine machine)
      throws Exception {
    try (Destination destination = destination(version, machine);
        GodwitProcess sends =
            GodwitProcess.start("send", "--image", image.toString(), destination.uri())) {
      MigrationStatus reached =
          destination
              .monitor()
              .awaitMigration(
                  status -> status.isFinal() || status.state() == MigrationState.ACTIVE,
                  TwoQemus.PATIENCE,
                  Deadline.after(GodwitProcess.PATIENCE));
      assertThat(reached.state()).as(sends.log()).isEqualTo(MigrationState.ACTIVE);
      sends.signal("KILL");
      destination.expectFailure();
    }
    assertThat(Files.size(image)).isPositive();
  }

  /** What happens to a migration in the middle of its first round. */
  private interface Blow {
    void strike(QemuMonitor source, Destination destination) throws Exception;
  }

  /** Between two QEMUs with a Godwit in the middle, over rdma: on both sides. */
  private void aSourceBehindABridge(QemuVersion version) throws Exception {
    QemuMachine machine = machine(version);
    try (Qemu source = Qemu.start(QemuBinary.require(version), machine, directory.resolve("s"));
        QemuMonitor here = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(2, TwoQemus.PATIENCE, source.serialLog());
      here.apply(MigrationSettings.parse(List.of(SLOW)), TwoQemus.soon());
      try (Destination destination = destination(version, machine)) {
        bridged(
            here, destination, "Source side", (from, to) -> from.cancelMigration(TwoQemus.soon()));
        assertThat(KeptGuests.awaitEnd(here).state()).isEqualTo(MigrationState.CANCELLED);
        expectRunning(source, here);
        destination.expectFailure();
      }
      Leaks leaks = Leaks.baseline(directory);
      try (Destination destination = destination(version, machine)) {
        bridged(here, destination, "Destination side", (from, to) -> to.qemu().kill());
        assertThat(KeptGuests.awaitEnd(here).state()).isEqualTo(MigrationState.FAILED);
        expectRunning(source, here);
      }
      leaks.awaitNone();
      bridgeKilled(source, here, version, machine);
    }
  }

  private static void bridged(QemuMonitor source, Destination destination, String side, Blow blow)
      throws Exception {
    try (InProcess bridge = new InProcess(Ends.TRANSPORTS, Rdma.uri(""), destination.uri())) {
      begin(source, bridge.local());
      long start = System.nanoTime();
      blow.strike(source, destination);
      MigrationReport report = bridge.report();
      expectSoon(start);
      assertThat(report.outcome()).as("%s", report).isEqualTo(MigrationReport.Outcome.FAILED);
      assertThat(report.cause()).get().asString().startsWith(side);
    }
  }

  private void bridgeKilled(Qemu source, QemuMonitor here, QemuVersion version, QemuMachine machine)
      throws Exception {
    try (Destination destination = destination(version, machine);
        GodwitProcess proxy =
            GodwitProcess.start("proxy", "--once", Rdma.uri(""), destination.uri())) {
      begin(here, proxy.awaitListening());
      long start = System.nanoTime();
      proxy.signal("KILL");
      assertThat(KeptGuests.awaitEnd(here).state()).isEqualTo(MigrationState.FAILED);
      expectSoon(start);
      expectRunning(source, here);
      destination.expectFailure();
    }
  }
}
