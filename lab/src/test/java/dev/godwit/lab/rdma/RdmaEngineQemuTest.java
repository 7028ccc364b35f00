package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.lab.stream.QemuGuest;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The engine as the destination of a real QEMU over QEMU's own {@code rdma:}, and as the source of
 * another: guests are live at both, and their memory is the same after.
 */
@Tag(Rdma.TAG)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RdmaEngineQemuTest {
  private static final Seed SEED = Seed.of("RdmaEngineQemuTest");
  private static final int PORT = 7475;

  private @Nullable Path scratch;

  /** Taken once the first migration has made what the process keeps. */
  private @Nullable Leaks leaks;

  record Cell(QemuVersion version, boolean pinAll) {
    /** A 7.2 source loses what a running guest writes under emulation (qemu-wire.md §10a). */
    boolean isRunning() {
      return version == QemuVersion.V10_0;
    }

    @Override
    public String toString() {
      return version.number() + (pinAll ? ", pin-all" : ", on demand");
    }
  }

  @BeforeAll
  void keep(@TempDir Path directory) {
    scratch = directory;
  }

  /** Each version and each way once, or all of them. */
  static Stream<Cell> cells() {
    boolean pinAll = SEED.random().nextBoolean();
    Stream<Cell> few =
        Stream.of(new Cell(QemuVersion.V7_2, pinAll), new Cell(QemuVersion.V10_0, !pinAll));
    Stream<Cell> others =
        Stream.of(new Cell(QemuVersion.V7_2, !pinAll), new Cell(QemuVersion.V10_0, pinAll));
    return Boolean.getBoolean("godwit.full") ? Stream.concat(few, others) : few;
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aLiveGuestGoesFromQemuThroughTheEngineToQemu(Cell cell) throws Exception {
    Path directory = Files.createTempDirectory(Objects.requireNonNull(scratch), "q");
    QemuMachine here = JunkMemory.source("pc-i440fx-" + cell.version().number());
    QemuMachine there = JunkMemory.destination(here, directory, SEED.random(2));
    try (TwoQemus qemus = TwoQemus.start(directory, cell.version(), here, cell.version(), there)) {
      try (QemuGuest between =
          KeptGuests.like(qemus.sourceMonitor(), directory.resolve("layout.img"))) {
        WritingGuest.fillWithJunk(between, SEED.random());
        intoTheEngine(cell, qemus, between);
        outOfTheEngine(cell, qemus, between);
        qemus.expectEqualMemory();
        try (var monitor = TwoQemus.again(qemus.destination())) {
          monitor.cont(TwoQemus.soon());
        }
        qemus.expectGuestIntact();
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(SEED + " " + qemus.outputs()));
        throw e;
      }
    }
    if (leaks == null) {
      leaks = Leaks.baseline(Objects.requireNonNull(scratch));
    }
    leaks.awaitNone();
  }

  private static void intoTheEngine(Cell cell, TwoQemus qemus, QemuGuest guest) throws Exception {
    if (!cell.isRunning()) {
      qemus.sourceMonitor().stop(TwoQemus.soon());
    }
    qemus.apply(List.of("max-bandwidth=0", "rdma-pin-all=" + (cell.pinAll() ? "on" : "off")));
    try (Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri("")));
        DestinationMigration in = new DestinationMigration(guest, listener, Ends.parameters())) {
      in.start();
      qemus.sourceMonitor().migrate("rdma:" + listener.local().address(), TwoQemus.soon());
      MigrationStatus sent = qemus.awaitSource();
      in.await();
      assertThat(sent.state()).isEqualTo(MigrationState.COMPLETED);
      assertThat(in.state()).isEqualTo(DestinationState.COMPLETED);
      assertThat(guest.isRunning()).isEqualTo(cell.isRunning());
      if (cell.isRunning()) {
        assertThat(sent.ram().map(RamProgress::pass))
            .hasValueSatisfying(passes -> assertThat(passes).isGreaterThan(1));
      }
    }
  }

  private static void outOfTheEngine(Cell cell, TwoQemus qemus, QemuGuest kept) throws Exception {
    WritingGuest guest = new WritingGuest(kept, SEED.random(1));
    qemus.keepDestinationPaused();
    String target = "rdma:" + Rdma.address() + ":" + PORT;
    qemus.destinationMonitor().migrateIncoming(target, TwoQemus.soon());
    guest.resume();
    try (Dialer dialer =
            Ends.TRANSPORTS.dialer(Endpoint.parse(target + (cell.pinAll() ? "?pin-all=on" : "")));
        SourceMigration out =
            new SourceMigration(
                guest, dialer, Ends.parameters("downtime-limit=10000"), DestinationKind.QEMU)) {
      out.migrate();
      assertThat(out.state()).isEqualTo(SourceState.COMPLETED);
      assertThat(out.passes()).isGreaterThan(1);
    } finally {
      guest.pause();
    }
    assertThat(guest.writes()).isPositive();
    assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
  }
}
