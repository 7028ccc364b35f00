package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.Commands;
import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.qemu.MigrationSettings;
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

/** {@code send} and {@code receive} drive the QEMU of one side; the other speaks its own rdma. */
@Tag(Rdma.TAG)
final class QemuDrivenTest {
  private static final Seed SEED = Seed.of("QemuDrivenTest");
  private static final int PORT = 7465;
  private static final String UNLIMITED = "max-bandwidth=0";

  @TempDir private Path directory;
  private int pairs;

  /**
   * @param sent into the QEMU of that version, and not received from it
   */
  record Cell(boolean sent, QemuVersion version) {
    @Override
    public String toString() {
      return (sent ? "into " : "from ") + version.number();
    }
  }

  /** One of them, or all. */
  static Stream<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (QemuVersion version : QemuVersion.values()) {
      cells.add(new Cell(true, version));
      cells.add(new Cell(false, version));
    }
    return Boolean.getBoolean("godwit.full")
        ? cells.stream()
        : Stream.of(cells.get(SEED.random().nextInt(cells.size())));
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestMoves(Cell cell) throws Exception {
    if (cell.sent()) {
      isSent(cell.version());
    } else {
      isReceived(cell.version());
    }
  }

  private TwoQemus start(QemuVersion from, QemuVersion to) throws Exception {
    QemuMachine here = JunkMemory.source(QemuMachine.SHARED_TYPE);
    QemuMachine there = JunkMemory.destination(here, directory, SEED.random(1));
    Path files = Files.createDirectories(directory.resolve("q" + ++pairs));
    TwoQemus qemus = TwoQemus.start(files, from, here, to, there);
    qemus.keepDestinationPaused();
    if (from == QemuVersion.V7_2) {
      // It loses what a running guest writes under emulation (qemu-wire.md §10a).
      qemus.sourceMonitor().stop(TwoQemus.soon());
    }
    return qemus;
  }

  /** The source has a return path, so the destination needs one. */
  private void isSent(QemuVersion to) throws Exception {
    try (TwoQemus qemus = start(QemuVersion.V10_0, to)) {
      String twoWay = to == QemuVersion.V7_2 ? "postcopy-ram" : "return-path";
      qemus.destinationMonitor().apply(MigrationSettings.parse(List.of(twoWay)), TwoQemus.soon());
      String target = waiting(qemus, PORT);
      try (GodwitProcess send =
          Commands.send(qemus, target + "?return-path=on", "--set", UNLIMITED)) {
        send.expectExit(ExitCode.DONE.code());
        assertThat(send.out()).startsWith("The guest has moved to " + target);
      }
      expectMoved(qemus);
    }
  }

  private static String waiting(TwoQemus qemus, int port) throws Exception {
    String target = "rdma:" + Rdma.address() + ":" + port;
    qemus.destinationMonitor().migrateIncoming(target, TwoQemus.soon());
    return target;
  }

  private void isReceived(QemuVersion from) throws Exception {
    boolean twoWay = from == QemuVersion.V10_0;
    try (TwoQemus qemus = start(from, QemuVersion.V10_0);
        GodwitProcess receive =
            Commands.receive(qemus, Rdma.uri(twoWay ? "return-path=on" : ""), "--set", UNLIMITED)) {
      qemus
          .sourceMonitor()
          .apply(
              MigrationSettings.parse(List.of(UNLIMITED, "return-path=" + (twoWay ? "on" : "off"))),
              TwoQemus.soon());
      qemus.sourceMonitor().migrate("rdma:" + receive.awaitListening().address(), TwoQemus.soon());
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
      receive.expectExit(ExitCode.DONE.code());
      assertThat(receive.out()).startsWith("The guest has come");
      expectMoved(qemus);
    }
  }

  private static void expectMoved(TwoQemus qemus) throws Exception {
    qemus.expectEqualMemory();
    try (var monitor = TwoQemus.again(qemus.destination())) {
      monitor.cont(TwoQemus.soon());
    }
    qemus.expectGuestIntact();
  }
}
