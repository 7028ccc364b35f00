package dev.godwit.lab.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.drive.DestinationDrive;
import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.drive.SourceDrive;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The matrix of the main job: a guest moves from one real QEMU to another with Godwit in between.
 * Both memories are compared while the destination is held paused; then the guest runs on, counts
 * on without a gap, and checks all its memory.
 */
final class LiveMigrationTest {
  /** Slow enough that postcopy has something left to do. */
  private static final String POSTCOPY_BANDWIDTH = "max-bandwidth=12M";

  private static final String UNLIMITED = "max-bandwidth=0";

  private final Transports transports = Transports.load();
  private Path dir = Path.of("");

  /**
   * All cells, a sample of them, or those whose name {@code -Dgodwit.cell=REGEX} finds, direct
   * controls included.
   */
  static Stream<Cell> cells() {
    String wanted = System.getProperty("godwit.cell", "");
    if (!wanted.isEmpty()) {
      return Cell.all(Cell.Carrier.values()).stream()
          .filter(cell -> cell.toString().matches(wanted));
    }
    if (Boolean.getBoolean("godwit.full")) {
      return Cell.all(Cell.CARRIED).stream();
    }
    String given = System.getProperty("godwit.seed", "");
    long seed = given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
    System.out.println("LiveMigrationTest: -Dgodwit.seed=" + seed);
    return Cell.pairwise(seed).stream();
  }

  /** A unix socket's path is short, and so must be what stands before it. */
  @BeforeEach
  void makeDirectory() throws Exception {
    dir = Files.createTempDirectory("gw");
  }

  @AfterEach
  void removeDirectory() throws Exception {
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestMovesAndIsWhole(Cell cell) throws Exception {
    System.out.println("Cell: " + cell);
    try (TwoQemus qemus = TwoQemus.start(dir, cell.from(), cell.to(), cell.machineType())) {
      boolean compare = !cell.isRunning() || !cell.mode().isPostcopy();
      if (!cell.isRunning()) {
        qemus.sourceMonitor().stop(TwoQemus.soon());
      }
      if (compare) {
        qemus.keepDestinationPaused();
      }
      try {
        switch (cell.carrier()) {
          case DIRECT -> migrate(cell, qemus);
          case DRIVE_TCP -> drive(cell, qemus);
          default -> carry(cell, qemus);
        }
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(qemus.outputs()));
        throw e;
      }
      // A paused guest dirties nothing, so what begins after the first pass finds nothing left to
      // do.
      boolean certain = cell.isRunning() || cell.carrier() != Cell.Carrier.DRIVE_TCP;
      if (cell.mode().isPostcopy() && certain) {
        MigrationStatus status = qemus.awaitSource();
        assertThat(status.ram().map(RamProgress::postcopyBytes).orElse(0L))
            .as("bytes sent in postcopy")
            .isPositive();
      }
      if (compare) {
        qemus.expectEqualMemory();
        try (var monitor = TwoQemus.again(qemus.destination())) {
          monitor.cont(TwoQemus.soon());
        }
      }
      qemus.expectGuestIntact();
    }
  }

  private List<String> settings(Cell cell) {
    List<String> settings = new ArrayList<>(cell.mode().settings());
    settings.add(cell.mode().isPostcopy() ? POSTCOPY_BANDWIDTH : UNLIMITED);
    return settings;
  }

  private void carry(Cell cell, TwoQemus qemus) throws Exception {
    qemus.apply(settings(cell));
    String into = "unix:" + dir.resolve("in.sock");
    qemus.destinationMonitor().migrateIncoming(into, TwoQemus.soon());
    String middle =
        cell.carrier() == Cell.Carrier.PROXY_TCP
            ? "tcp:127.0.0.1:0"
            : "unix:" + dir.resolve("mid.sock");
    try (InProcess far = new InProcess(transports, middle, into);
        InProcess near =
            new InProcess(transports, "unix:" + dir.resolve("out.sock"), far.local().toString())) {
      migrate(cell, qemus, near.local().toString());
      for (MigrationReport report : List.of(near.report(), far.report())) {
        assertThat(report.outcome())
            .as("%s", report)
            .isEqualTo(
                cell.mode() == Cell.Mode.PLAIN
                    ? MigrationReport.Outcome.DELIVERED
                    : MigrationReport.Outcome.COMPLETED);
      }
    }
  }

  /** The control: nothing in between. */
  private void migrate(Cell cell, TwoQemus qemus) throws Exception {
    qemus.apply(settings(cell));
    String into = "unix:" + dir.resolve("in.sock");
    qemus.destinationMonitor().migrateIncoming(into, TwoQemus.soon());
    migrate(cell, qemus, into);
  }

  private static void migrate(Cell cell, TwoQemus qemus, String uri) throws Exception {
    qemus.sourceMonitor().migrate(uri, TwoQemus.soon());
    if (cell.mode().isPostcopy()) {
      qemus
          .sourceMonitor()
          .awaitMigration(
              s -> s.state() == MigrationState.ACTIVE, Duration.ofSeconds(15), TwoQemus.soon());
      qemus.sourceMonitor().startPostcopy(TwoQemus.soon());
    }
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
    assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
  }

  private void drive(Cell cell, TwoQemus qemus) throws Exception {
    MigrationSettings settings = MigrationSettings.parse(settings(cell));
    CompletableFuture<Endpoint> listening = new CompletableFuture<>();
    CompletableFuture<DriveReport> received = new CompletableFuture<>();
    DestinationDrive destination =
        new DestinationDrive(
            qemus.destination().qmp(),
            Endpoint.parse("tcp:127.0.0.1:0"),
            settings,
            transports,
            listening::complete,
            p -> {});
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                received.complete(destination.run());
              } catch (Exception e) {
                received.completeExceptionally(e);
                listening.completeExceptionally(e);
              }
            });
    Endpoint target = listening.get(20, TimeUnit.SECONDS);
    SourceDrive source =
        new SourceDrive(
            qemus.source().qmp(), target, settings, cell.mode().isPostcopy(), transports, p -> {});
    DriveReport sent = source.run();
    assertThat(sent.outcome()).as("%s", sent).isEqualTo(DriveReport.Outcome.COMPLETED);
    DriveReport came = received.get(40, TimeUnit.SECONDS);
    assertThat(came.outcome()).as("%s", came).isEqualTo(DriveReport.Outcome.COMPLETED);
    assertThat(sent.wire().orElseThrow().forwardBytes())
        .isEqualTo(came.wire().orElseThrow().forwardBytes());
  }
}
