package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A guest moves between real QEMUs through two proxies with {@code rdma:} between them. */
@Tag(Rdma.TAG)
final class RdmaQemuTest {
  private static final Seed SEED = Seed.of("RdmaQemuTest");
  private static final int MEMORY_MIB = 16;
  private static final int CHANNELS = 4;

  @TempDir private Path directory;

  record Cell(QemuVersion version, boolean multifd) {
    /** A 7.2 source loses what a running guest writes under emulation (qemu-wire.md §10a). */
    boolean isRunning() {
      return version == QemuVersion.V10_0;
    }

    List<String> settings() {
      List<String> settings = new ArrayList<>(List.of("return-path", "max-bandwidth=0"));
      if (multifd) {
        settings.addAll(List.of("multifd", "multifd-channels=" + CHANNELS));
      }
      return settings;
    }

    @Override
    public String toString() {
      return version.number() + (multifd ? ", multifd" : ", plain");
    }
  }

  /** Each version and each way once, or all of them. */
  static Stream<Cell> cells() {
    boolean multifd = SEED.random().nextBoolean();
    Stream<Cell> few =
        Stream.of(new Cell(QemuVersion.V7_2, multifd), new Cell(QemuVersion.V10_0, !multifd));
    Stream<Cell> others =
        Stream.of(new Cell(QemuVersion.V7_2, !multifd), new Cell(QemuVersion.V10_0, multifd));
    return Boolean.getBoolean("godwit.full") ? Stream.concat(few, others) : few;
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestMovesThroughTwoProxies(Cell cell) throws Exception {
    BootSector guest =
        BootSector.of(MEMORY_MIB, 1).dirtying(2).ticking(20).filled(BootSector.Fill.RANDOM);
    QemuMachine machine = QemuMachine.of(guest).ofType("pc-i440fx-" + cell.version().number());
    Path files = Files.createDirectories(directory.resolve("q"));
    try (TwoQemus qemus = TwoQemus.start(files, cell.version(), machine, cell.version(), machine)) {
      try {
        move(cell, qemus);
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(qemus.outputs()));
        throw e;
      }
    }
  }

  private void move(Cell cell, TwoQemus qemus) throws Exception {
    if (!cell.isRunning()) {
      qemus.sourceMonitor().stop(TwoQemus.soon());
    }
    qemus.keepDestinationPaused();
    qemus.apply(cell.settings());
    String into = "unix:" + directory.resolve("in.sock");
    qemus.destinationMonitor().migrateIncoming(into, TwoQemus.soon());
    try (InProcess far = new InProcess(Ends.TRANSPORTS, Rdma.uri(""), into);
        InProcess near =
            new InProcess(
                Ends.TRANSPORTS, "unix:" + directory.resolve("out.sock"), far.local().toString())) {
      qemus.sourceMonitor().migrate(near.local().toString(), TwoQemus.soon());
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
      MigrationReport here = near.report();
      MigrationReport there = far.report();
      for (MigrationReport report : List.of(here, there)) {
        assertThat(report.outcome()).as("%s", report).isEqualTo(MigrationReport.Outcome.COMPLETED);
        assertThat(report.channels()).hasSize(cell.multifd() ? 1 + CHANNELS : 1);
      }
      assertThat(here.forwardBytes()).isEqualTo(there.forwardBytes()).isGreaterThan(8L << 20);
    }
    qemus.expectEqualMemory();
    try (var monitor = TwoQemus.again(qemus.destination())) {
      monitor.cont(TwoQemus.soon());
    }
    qemus.expectGuestIntact();
  }
}
