package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** By commands, a real QEMU is saved over its own {@code rdma:}, and restored into another. */
@Tag(Rdma.TAG)
final class QemuOwnRdmaTest {
  private static final Seed SEED = Seed.of("QemuOwnRdmaTest");
  private static final String TARGET = "rdma:" + Rdma.address() + ":7471";
  private static final String ONE_CHANNEL = "carries one channel, so multifd cannot go over it";

  @TempDir private Path directory;

  record Cell(QemuVersion version, boolean pinAll) {
    @Override
    public String toString() {
      return version.number() + (pinAll ? ", pin-all" : ", on demand");
    }
  }

  /** One of them, or all. */
  static Stream<Cell> cells() {
    List<Cell> cells =
        Arrays.stream(QemuVersion.values())
            .flatMap(version -> Stream.of(new Cell(version, false), new Cell(version, true)))
            .toList();
    return Boolean.getBoolean("godwit.full")
        ? cells.stream()
        : Stream.of(cells.get(SEED.random().nextInt(cells.size())));
  }

  private static QemuMachine machine(QemuVersion version) {
    return JunkMemory.source("pc-i440fx-" + version.number());
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestIsSavedAndRestored(Cell cell) throws Exception {
    QemuMachine here = machine(cell.version());
    QemuMachine there = JunkMemory.destination(here, directory, SEED.random(1));
    Path files = Files.createDirectories(directory.resolve("q"));
    try (TwoQemus qemus = TwoQemus.start(files, cell.version(), here, cell.version(), there)) {
      try {
        move(cell, qemus);
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(qemus.outputs()));
        throw e;
      }
    }
  }

  private void move(Cell cell, TwoQemus qemus) throws Exception {
    Path file = directory.resolve("vm.img");
    qemus.sourceMonitor().stop(TwoQemus.soon());
    qemus.keepDestinationPaused();
    qemus.apply(List.of("max-bandwidth=0", "rdma-pin-all=" + (cell.pinAll() ? "on" : "off")));
    try (GodwitProcess saves =
        GodwitProcess.start(
            "receive", "--image", file.toString(), Rdma.uri(""), "--max-ram", "64M")) {
      Endpoint here = saves.awaitListening();
      qemus.sourceMonitor().migrate("rdma:" + here.address(), TwoQemus.soon());
      saves.expectExit(ExitCode.DONE.code());
      assertThat(saves.out()).contains("The guest was saved to " + file);
    }
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
    qemus.destinationMonitor().migrateIncoming(TARGET, TwoQemus.soon());
    try (GodwitProcess restores = send(file, cell.pinAll() ? "?pin-all=on" : "")) {
      restores.expectExit(ExitCode.DONE.code());
      assertThat(restores.out())
          .contains("was handed over to ", "which does not say whether the guest runs");
    }
    assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
    qemus.expectEqualMemory();
    try (var monitor = TwoQemus.again(qemus.destination())) {
      monitor.cont(TwoQemus.soon());
    }
    qemus.expectGuestIntact();
  }

  private static GodwitProcess send(Path image, String settings) throws Exception {
    return GodwitProcess.start("send", "--image", image.toString(), TARGET + settings);
  }

  /** A QEMU's own rdma: has one channel. */
  @Test
  void multifdIsRefusedInASentence() throws Exception {
    QemuVersion version = QemuVersion.V10_0;
    Path file = directory.resolve("vm.img");
    Path files = Files.createDirectories(directory.resolve("q"));
    QemuMachine machine = machine(version);
    MultifdSettings multifd = MultifdSettings.of(Dialect.V10_0, 2).withAnyGuest();
    ImageTransfer.Limits limits =
        new ImageTransfer.Limits(1 << 30, Optional.of(multifd), true, false);
    try (TwoQemus qemus = TwoQemus.start(files, version, machine, version, machine)) {
      qemus.sourceMonitor().stop(TwoQemus.soon());
      CompletableFuture<Endpoint> listening = new CompletableFuture<>();
      Task<ImageReport> saving =
          Task.start(
              "save",
              () ->
                  new ImageTransfer(Ends.TRANSPORTS, limits)
                      .save(
                          Endpoint.parse(Rdma.uri("")),
                          file,
                          ImageLayout.STREAM,
                          listening::complete));
      Endpoint here = listening.get(TwoQemus.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      qemus.sourceMonitor().migrate("rdma:" + here.address(), TwoQemus.soon());
      ImageReport saved = saving.result();
      assertThat(saved.outcome()).isEqualTo(ImageReport.Outcome.FAILED);
      assertThat(saved.sentence()).contains(ONE_CHANNEL);
      assertThat(file).doesNotExist();
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.FAILED);
      qemus.sourceMonitor().migrate("exec:cat > " + file, TwoQemus.soon());
      assertThat(KeptGuests.awaitEnd(qemus.sourceMonitor()).state())
          .isEqualTo(MigrationState.COMPLETED);
      qemus.destinationMonitor().migrateIncoming(TARGET, TwoQemus.soon());
      ImageReport restored =
          new ImageTransfer(Ends.TRANSPORTS, limits)
              .restore(file, Endpoint.parse(TARGET), Optional.empty());
      assertThat(restored.outcome()).isEqualTo(ImageReport.Outcome.FAILED);
      assertThat(restored.sentence()).contains(ONE_CHANNEL, file + " is as it was");
    }
  }
}
