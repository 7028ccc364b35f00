package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.proxy.BridgeReport;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A guest moves between real QEMUs of which one or both speak their own {@code rdma:}. */
@Tag(Rdma.TAG)
final class QemuBridgeTest {
  private static final Seed SEED = Seed.of("QemuBridgeTest");
  private static final int PORT = 7472;

  @TempDir private static Path credentials;
  @TempDir private Path directory;

  /** Once, since an emulated processor takes long for keys. */
  @BeforeAll
  static void makeCredentials() throws Exception {
    new CredentialsMaker(credentials).x509(List.of(CredentialsMaker.Host.parse("127.0.0.1")), 1);
  }

  enum Way {
    /** One Godwit between two QEMUs over rdma. */
    RDMA_RDMA,
    /** Over rdma to a Godwit, over TLS to another, which is beside the destination. */
    RDMA_TLS,
    TLS_RDMA
  }

  record Cell(Way way, QemuVersion from, QemuVersion to, boolean pinAll) {
    /** A 7.2 source loses what a running guest writes under emulation (qemu-wire.md §10a). */
    boolean isRunning() {
      return from == QemuVersion.V10_0;
    }

    @Override
    public String toString() {
      return way + " " + from.number() + " to " + to.number() + (pinAll ? ", pin-all" : "");
    }
  }

  /**
   * Each way with each pair of versions, every other one with pin-all; or each way once by chance.
   */
  static Stream<Cell> cells() {
    List<Cell> all = new ArrayList<>();
    List<Cell> few = new ArrayList<>();
    Random random = SEED.random();
    for (Way way : Way.values()) {
      List<Cell> ofWay = new ArrayList<>();
      for (QemuVersion from : QemuVersion.values()) {
        for (QemuVersion to : QemuVersion.values()) {
          boolean pinAll = (from == to) != (way == Way.RDMA_TLS);
          ofWay.add(new Cell(way, from, to, pinAll));
        }
      }
      all.addAll(ofWay);
      few.add(ofWay.get(random.nextInt(ofWay.size())));
    }
    return Boolean.getBoolean("godwit.full") ? all.stream() : few.stream();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestIsBridged(Cell cell) throws Exception {
    QemuMachine here = JunkMemory.source(QemuMachine.SHARED_TYPE);
    QemuMachine there = JunkMemory.destination(here, directory, SEED.random(1));
    Path files = Files.createDirectories(directory.resolve("q"));
    try (TwoQemus qemus = TwoQemus.start(files, cell.from(), here, cell.to(), there)) {
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
    List<String> settings = new ArrayList<>(List.of("max-bandwidth=0", "return-path=off"));
    if (cell.pinAll()) {
      settings.add("rdma-pin-all");
    }
    qemus.apply(settings);
    String socket = "unix:" + directory.resolve("in.sock");
    String device = "rdma:" + Rdma.address() + ":" + PORT;
    String into = cell.way() == Way.RDMA_TLS ? socket : device;
    qemus.destinationMonitor().migrateIncoming(into, TwoQemus.soon());
    String target = cell.way() == Way.RDMA_TLS || !cell.pinAll() ? into : into + "?pin-all=on";
    String listen =
        cell.way() == Way.TLS_RDMA ? "unix:" + directory.resolve("out.sock") : Rdma.uri("");
    if (cell.way() == Way.RDMA_RDMA) {
      try (InProcess bridge = new InProcess(Ends.TRANSPORTS, listen, target)) {
        migrate(qemus, bridge, bridge);
      }
    } else {
      String settingsOfTls = "?tls-creds=" + credentials;
      try (InProcess far =
              new InProcess(Ends.TRANSPORTS, "tls:127.0.0.1:0" + settingsOfTls, target);
          InProcess near =
              new InProcess(
                  Ends.TRANSPORTS, listen, "tls:" + far.local().address() + settingsOfTls)) {
        migrate(qemus, near, cell.way() == Way.TLS_RDMA ? far : near);
      }
    }
    qemus.expectEqualMemory();
    try (var monitor = TwoQemus.again(qemus.destination())) {
      monitor.cont(TwoQemus.soon());
    }
    qemus.expectGuestIntact();
  }

  private static void migrate(TwoQemus qemus, InProcess first, InProcess bridge) throws Exception {
    String to = first.local().scheme() + ":" + first.local().address();
    qemus.sourceMonitor().migrate(to, TwoQemus.soon());
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
    assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
    MigrationReport report = bridge.report();
    assertThat(report.outcome()).as("%s", report).isEqualTo(MigrationReport.Outcome.DELIVERED);
    assertThat(report.machine()).contains(QemuMachine.SHARED_TYPE);
    BridgeReport cost = report.channels().getFirst().bridge().orElseThrow();
    assertThat(cost.ramBytes())
        .isGreaterThanOrEqualTo((long) qemus.source().machine().memoryMiB() << 20);
    assertThat(cost.compares()).isPositive();
    assertThat(cost.downtimeSeconds()).isPositive();
  }
}
