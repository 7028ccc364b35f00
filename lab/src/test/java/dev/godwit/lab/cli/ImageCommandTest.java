package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** {@code receive --image} and {@code send --image} between real QEMUs and a file. */
@Timeout(180)
final class ImageCommandTest {
  private static final int MEMORY_MIB = 32;
  private static final Duration PATIENCE = Duration.ofSeconds(40);
  private static final BootSector GUEST =
      BootSector.of(MEMORY_MIB, 4).filled(BootSector.Fill.RANDOM);

  @TempDir private Path dir;

  /**
   * The guest ticks at the source, is saved, and ticks on where it is restored. A guest of 7.2 is
   * paused while it is saved, since under emulation that version loses what a running guest writes
   * (qemu-wire.md §10a).
   */
  @ParameterizedTest
  @CsvSource({
    "V10_0, V10_0, stream, tcp:127.0.0.1:0, '', ''",
    "V10_0, V7_2, mapped-ram, unix:{dir}/in.sock, multifd, multifd multifd-compression=zstd",
    "V7_2, V10_0, mapped-ram, tcp:127.0.0.1:0, multifd multifd-compression=zlib, multifd",
    "V7_2, V7_2, stream, unix:{dir}/in.sock, xbzrle, ''",
  })
  void theGuestRunsOnWhereItIsRestored(
      QemuVersion from,
      QemuVersion to,
      String format,
      String uri,
      String sourceSettings,
      String destinationSettings)
      throws Exception {
    Path file = dir.resolve("vm.img");
    QemuMachine machine = QemuMachine.of(GUEST);
    try (Qemu source = start(from, machine, "s")) {
      SerialTicks.await(10, PATIENCE, source.serialLog());
      try (QemuMonitor monitor = QemuMonitor.connect(source.qmp(), soon());
          GodwitProcess receive =
              GodwitProcess.start(
                  arguments(
                          List.of(
                              "receive", "--json", "--image", file.toString(), "--format", format),
                          uri.replace("{dir}", dir.toString()),
                          sourceSettings)
                      .toArray(String[]::new))) {
        if (from == QemuVersion.V7_2) {
          monitor.stop(soon());
        }
        monitor.apply(settings(sourceSettings + " return-path"), soon());
        monitor.migrate(receive.awaitListening().toString(), soon());

        receive.expectExit(0);

        expectCompleted(monitor);
        JsonNode report = receive.json();
        assertThat(report.path("outcome").asString()).isEqualTo("completed");
        assertThat(report.path("machine").asString()).isEqualTo("pc-i440fx-7.2");
        assertThat(report.path("ram-bytes").asLong()).isGreaterThan((long) MEMORY_MIB << 20);
        assertThat(report.path("received").size())
            .isEqualTo(sourceSettings.contains("multifd") ? 3 : 1);
      }
      try (Qemu destination = start(to, machine.incoming(), "d");
          QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon())) {
        String socket = "unix:" + dir.resolve("out.sock");
        monitor.apply(settings(destinationSettings), soon());
        monitor.migrateIncoming(socket, soon());
        try (GodwitProcess send =
            GodwitProcess.start(
                arguments(List.of("send", "--image", file.toString()), socket, destinationSettings)
                    .toArray(String[]::new))) {
          send.expectExit(0);
          assertThat(send.out())
              .startsWith("The guest of " + file + " was restored at " + socket + "\n");
        }
        expectCompleted(monitor);
        if (from == QemuVersion.V7_2) {
          monitor.cont(soon());
        }
        long before = SerialTicks.read(source.serialLog(), destination.serialLog()).last();
        SerialTicks ticks =
            SerialTicks.await(
                before + GUEST.ticksToCheckAll() + 2,
                PATIENCE,
                source.serialLog(),
                destination.serialLog());
        assertThat(ticks.finding()).as("what the guest found").isEmpty();
      }
    }
  }

  /** The disk is full when all of the guest is here: it runs on at the source. */
  @ParameterizedTest
  @EnumSource
  void aFullDiskLeavesTheGuestAtTheSource(QemuVersion version) throws Exception {
    Path small = Files.createDirectory(dir.resolve("small"));
    String mount = "mount -t tmpfs -o size=8m tmpfs " + small + " && exec \"$@\"";
    expectRefused(
        version,
        List.of("unshare", "--mount", "sh", "-c", mount, "sh"),
        List.of("receive", "--image", small.resolve("vm.img").toString(), "tcp:127.0.0.1:0"),
        "godwit receive: Image: There is no room left for ",
        "; the VM stays at the source");
  }

  @ParameterizedTest
  @EnumSource
  void aGuestThatIsTooLargeStaysAtTheSource(QemuVersion version) throws Exception {
    expectRefused(
        version,
        List.of(),
        List.of(
            "receive",
            "--image",
            dir.resolve("vm.img").toString(),
            "--max-ram",
            "16M",
            "tcp:127.0.0.1:0"),
        "godwit receive: Source side: The guest has ",
        " bytes of RAM, and no more than 16777216 are taken (channel main, byte ");
    assertThat(dir.resolve("vm.img")).doesNotExist();
  }

  @ParameterizedTest
  @EnumSource
  void aSourceWithMultifdThatNobodyAgreedOn(QemuVersion version) throws Exception {
    expectRefused(
        version,
        List.of(),
        List.of("receive", "--image", dir.resolve("vm.img").toString(), "tcp:127.0.0.1:0"),
        "godwit receive: Source side: The source has multifd on: channel ",
        "; the VM",
        "multifd");
  }

  @ParameterizedTest
  @EnumSource
  void aSourceWithAnotherCompression(QemuVersion version) throws Exception {
    expectRefused(
        version,
        List.of(),
        List.of(
            "receive",
            "--image",
            dir.resolve("vm.img").toString(),
            "tcp:127.0.0.1:0",
            "--set",
            "multifd",
            "--set",
            "multifd-compression=zstd"),
        "godwit receive: Source side: ",
        "zlib",
        "multifd",
        "multifd-compression=zlib");
  }

  /** More channels than were agreed on, and fewer. */
  @ParameterizedTest
  @CsvSource({
    "V10_0, 4, 2, ' of 2 channels (channel multifd connection '",
    "V7_2, 4, 2, ' of 2 channels (channel multifd connection '",
    "V10_0, 2, 3, Channel multifd 2 did not connect in time",
    "V7_2, 2, 3, Channel multifd 2 did not connect in time"
  })
  void aSourceWithAnotherNumberOfChannels(
      QemuVersion version, int source, int here, String sentence) throws Exception {
    expectRefused(
        version,
        List.of(),
        List.of(
            "receive",
            "--image",
            dir.resolve("vm.img").toString(),
            "tcp:127.0.0.1:0",
            "--set",
            "multifd",
            "--set",
            "multifd-channels=" + here),
        "godwit receive: Source side: ",
        sentence,
        "multifd",
        "multifd-channels=" + source);
  }

  /** A proxy on the way cuts one of the connections in the middle of the guest. */
  @ParameterizedTest
  @CsvSource({"V10_0, ''", "V7_2, ''", "V10_0, multifd", "V7_2, multifd"})
  void aConnectionThatIsCutLeavesTheGuestAtTheSource(QemuVersion version, String multifd)
      throws Exception {
    List<String> command =
        arguments(
            List.of("receive", "--image", dir.resolve("vm.img").toString()),
            "tcp:127.0.0.1:0",
            multifd);
    expectRefused(
        version,
        command,
        receive ->
            GodwitProcess.start(
                "proxy",
                "--once",
                "unix:" + dir.resolve("proxy.sock"),
                receive + "?fault=cut:1500000"),
        "godwit receive: Source side: ",
        "; the VM stays at the source",
        multifd);
    assertThat(dir.resolve("vm.img")).doesNotExist();
  }

  /** Something between the source and Godwit. */
  private interface Between {
    GodwitProcess start(Endpoint receive) throws Exception;
  }

  /** The source fails its migration, and its guest ticks on. */
  private void expectRefused(
      QemuVersion version,
      List<String> behind,
      List<String> command,
      String sentence,
      String more,
      String... sourceSettings)
      throws Exception {
    try (Qemu source = start(version, QemuMachine.of(GUEST), "s");
        GodwitProcess receive = GodwitProcess.start(behind, command.toArray(String[]::new))) {
      expectRefused(source, receive, receive.awaitListening(), sentence, more, sourceSettings);
    }
  }

  private void expectRefused(
      QemuVersion version,
      List<String> command,
      Between between,
      String sentence,
      String more,
      String... sourceSettings)
      throws Exception {
    try (Qemu source = start(version, QemuMachine.of(GUEST), "s");
        GodwitProcess receive = GodwitProcess.start(command.toArray(String[]::new));
        GodwitProcess proxy = between.start(receive.awaitListening())) {
      expectRefused(source, receive, proxy.awaitListening(), sentence, more, sourceSettings);
    }
  }

  private static void expectRefused(
      Qemu source,
      GodwitProcess receive,
      Endpoint target,
      String sentence,
      String more,
      String... sourceSettings)
      throws Exception {
    try (QemuMonitor monitor = QemuMonitor.connect(source.qmp(), soon())) {
      SerialTicks.await(10, PATIENCE, source.serialLog());
      monitor.apply(settings(String.join(" ", sourceSettings) + " return-path"), soon());
      monitor.migrate(target.toString(), soon());
      receive.expectExit(1);
      assertThat(receive.sentence()).startsWith(sentence).contains(more);
      MigrationStatus status =
          monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, Deadline.after(PATIENCE));
      assertThat(status.state()).isEqualTo(MigrationState.FAILED);
      assertThat(monitor.status(soon()).state()).isEqualTo(RunStatus.State.RUNNING);
      long before = SerialTicks.read(source.serialLog()).last();
      SerialTicks ticks = SerialTicks.await(before + 5, PATIENCE, source.serialLog());
      assertThat(ticks.finding()).isEmpty();
    }
  }

  /** A destination that cannot take the guest says so, and the image is as it was. */
  @Test
  void anotherMachineRefusesTheImage() throws Exception {
    Path file = save();
    long length = Files.size(file);
    try (Qemu destination =
            start(
                QemuVersion.V10_0, QemuMachine.of(GUEST).ofType("pc-i440fx-9.0").incoming(), "d");
        QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon())) {
      String socket = "unix:" + dir.resolve("out.sock");
      monitor.migrateIncoming(socket, soon());
      try (GodwitProcess send = GodwitProcess.start("send", "--image", file.toString(), socket)) {
        send.expectExit(1);
        assertThat(send.sentence())
            .startsWith("godwit send: Destination side: ")
            .endsWith("; " + file + " is as it was");
      }
    }
    assertThat(file).hasSize(length);
  }

  /** Nobody is connected to before all of the file was read and found whole. */
  @Test
  void aDamagedImageIsRefusedBeforeAnybodyIsConnectedTo() throws Exception {
    Path file = save();
    try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
      image.setLength(image.length() - 100_000);
    }
    try (GodwitProcess send =
        GodwitProcess.start(
            "send", "--image", file.toString(), "unix:" + dir.resolve("nobody.sock"))) {
      send.expectExit(3);
      assertThat(send.sentence())
          .startsWith("godwit send: " + file + " cannot be restored: The stream ends")
          .contains("(channel main, byte ");
    }
  }

  @Test
  void whatIsNoImageIsRefused() throws Exception {
    Path file = Files.writeString(dir.resolve("notes.txt"), "Remember the milk, and the eggs\n");
    try (GodwitProcess send =
        GodwitProcess.start(
            "send", "--image", file.toString(), "unix:" + dir.resolve("nobody.sock"))) {
      send.expectExit(3);
      assertThat(send.sentence())
          .startsWith("godwit send: " + file + " cannot be restored: ")
          .contains("(channel main, byte 0)");
    }
  }

  @Test
  void cancelLeavesTheGuestAtTheSourceAndNoFile() throws Exception {
    Path file = dir.resolve("vm.img");
    try (Qemu source = start(QemuVersion.V10_0, QemuMachine.of(GUEST), "s");
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), soon());
        GodwitProcess receive =
            GodwitProcess.start("receive", "--image", file.toString(), "tcp:127.0.0.1:0")) {
      SerialTicks.await(10, PATIENCE, source.serialLog());
      monitor.apply(settings("return-path max-bandwidth=4M"), soon());
      monitor.migrate(receive.awaitListening().toString(), soon());
      receive.awaitSaid("A guest begins to come");
      Commands.awaitMidFlight(monitor);

      receive.signal("INT");

      receive.expectExit(130);
      assertThat(receive.sentence())
          .isEqualTo("godwit receive: The transfer was cancelled; the VM stays at the source");
      monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, Deadline.after(PATIENCE));
      assertThat(monitor.status(soon()).state()).isEqualTo(RunStatus.State.RUNNING);
    }
    try (var left = Files.list(dir)) {
      assertThat(left.map(path -> path.getFileName().toString())).containsOnly("s");
    }
  }

  /** An image of a paused guest. */
  private Path save() throws Exception {
    Path file = dir.resolve("vm.img");
    try (Qemu source = start(QemuVersion.V10_0, QemuMachine.of(GUEST), "s");
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), soon());
        GodwitProcess receive =
            GodwitProcess.start("receive", "--image", file.toString(), "tcp:127.0.0.1:0")) {
      SerialTicks.await(10, PATIENCE, source.serialLog());
      monitor.apply(settings("return-path"), soon());
      monitor.migrate(receive.awaitListening().toString(), soon());
      receive.expectExit(0);
    }
    return file;
  }

  private Qemu start(QemuVersion version, QemuMachine machine, String name)
      throws IOException, InterruptedException {
    return Qemu.start(QemuBinary.require(version), machine, dir.resolve(name));
  }

  private static MigrationSettings settings(String names) throws Exception {
    return MigrationSettings.parse(words(names));
  }

  private static List<String> words(String text) {
    return text.isBlank() ? List.of() : List.of(text.strip().split(" +", -1));
  }

  private static List<String> arguments(List<String> first, String uri, String settings) {
    List<String> all = new ArrayList<>(first);
    all.add(uri);
    for (String setting : words(settings)) {
      all.add("--set");
      all.add(setting);
    }
    return all;
  }

  private static void expectCompleted(QemuMonitor monitor) throws Exception {
    MigrationStatus status =
        monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, Deadline.after(PATIENCE));
    assertThat(status.state())
        .as(status.error().orElse("no reason given"))
        .isEqualTo(MigrationState.COMPLETED);
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
