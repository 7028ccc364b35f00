package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.transport.Deadline;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** {@code godwit inspect}: files of a real QEMU, what is none, and a QEMU that migrates to it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class InspectTest {
  private static final BootSector GUEST = BootSector.of(16, 2).filled(BootSector.Fill.RANDOM);

  @TempDir private static Path shared;
  @TempDir private Path dir;
  private Path image = Path.of("");
  private Path mapped = Path.of("");

  @BeforeAll
  void save() throws Exception {
    image = shared.resolve("vm.img");
    mapped = shared.resolve("mapped.img");
    try (Qemu source = start("s");
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(1, TwoQemus.PATIENCE, source.serialLog());
      monitor.stop(TwoQemus.soon());
      migrate(monitor, "exec:cat >" + image, List.of());
    }
    try (Qemu source = start("m");
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(1, TwoQemus.PATIENCE, source.serialLog());
      monitor.stop(TwoQemus.soon());
      migrate(monitor, "file:" + mapped + ",offset=0x10000", List.of("mapped-ram"));
    }
  }

  private static Qemu start(String name) throws Exception {
    return Qemu.start(
        QemuBinary.require(QemuVersion.V10_0),
        QemuMachine.of(GUEST).ofType("pc-i440fx-10.0"),
        Files.createDirectories(shared.resolve(name)));
  }

  private static void migrate(QemuMonitor monitor, String uri, List<String> settings)
      throws Exception {
    monitor.apply(MigrationSettings.parse(settings), TwoQemus.soon());
    monitor.migrate(uri, TwoQemus.soon());
    assertThat(awaitEnd(monitor).state()).isEqualTo(MigrationState.COMPLETED);
  }

  private static MigrationStatus awaitEnd(QemuMonitor monitor) throws Exception {
    return monitor.awaitMigration(
        MigrationStatus::isFinal, TwoQemus.PATIENCE, Deadline.after(TwoQemus.PATIENCE));
  }

  @Test
  void aTableForPeople() throws Exception {
    try (GodwitProcess inspect = GodwitProcess.start("inspect", image.toString())) {
      inspect.expectExit(0);
      assertThat(inspect.err()).isEmpty();
      assertThat(inspect.out())
          .startsWith("Migration stream of pc-i440fx-10.0: ")
          .containsPattern("run state +paused")
          .containsPattern("(?m)^  pc.ram +16,777,216 ")
          .containsPattern("(?m)^  cpu +0 +12 ")
          .containsPattern("(?m)^  all +%s$".formatted(String.format("%,d", Files.size(image))));
    }
  }

  @Test
  void blocksRoundsAndSectionsOneByOne() throws Exception {
    try (GodwitProcess inspect =
        GodwitProcess.start("inspect", image.toString(), "--ram", "--sections")) {
      inspect.expectExit(0);
      assertThat(inspect.out())
          .containsPattern("(?m)^Round +at byte +pages +bytes$")
          .containsPattern("(?m)^RAM block .*zero pages +zero bytes +plain pages +plain bytes$")
          .containsPattern("(?m)^  START +1 ram, instance 0 ")
          .containsPattern("(?m)^  COMMAND +SWITCHOVER_START ");
    }
  }

  @Test
  void fieldsOfADevice() throws Exception {
    try (GodwitProcess inspect =
        GodwitProcess.start("inspect", image.toString(), "--device", "globalstate")) {
      inspect.expectExit(0);
      assertThat(inspect.out())
          .startsWith("globalstate, instance 0, version 1: 104 bytes at byte ")
          .containsPattern("(?m)^  runstate +buffer +\"paused\"$");
    }
    try (GodwitProcess inspect =
        GodwitProcess.start("inspect", image.toString(), "--device", "flux")) {
      inspect.expectExit(2);
      assertThat(inspect.sentence()).endsWith("vm.img has no device with flux");
    }
  }

  @Test
  void aDocumentForPrograms() throws Exception {
    try (GodwitProcess inspect = GodwitProcess.start("inspect", "--json", image.toString())) {
      inspect.expectExit(0);

      JsonNode document = inspect.json();
      assertThat(document.path("schema").asString()).isEqualTo("godwit/1");
      assertThat(document.path("outcome").asString()).isEqualTo("complete");
      assertThat(document.path("bytes").asLong()).isEqualTo(Files.size(image));
      assertThat(document.path("shares").valueStream().mapToLong(s -> s.path("bytes").asLong()))
          .satisfies(
              sizes ->
                  assertThat(sizes.stream().mapToLong(s -> s).sum()).isEqualTo(Files.size(image)));
      JsonNode timer =
          document
              .path("devices")
              .valueStream()
              .filter(device -> device.path("name").asString().equals("timer"))
              .findFirst()
              .orElseThrow();
      assertThat(timer.path("fields").path("cpu_ticks_offset").isIntegralNumber()).isTrue();
      assertThat(timer.path("fields").path("unused").asString()).isEqualTo("0000000000000000");
    }
  }

  @Test
  void aMappedRamFileAtAnOffset() throws Exception {
    String uri = "file:" + mapped + ",offset=0x10000";
    try (GodwitProcess inspect = GodwitProcess.start("inspect", "--json", uri)) {
      inspect.expectExit(0);

      JsonNode document = inspect.json();
      assertThat(document.path("capabilities").get(0).asString()).isEqualTo("mapped-ram");
      assertThat(document.path("bytes").asLong()).isEqualTo(Files.size(mapped) - 0x10000);
      JsonNode block = document.path("ram").path("blocks").get(0).path("mapped");
      assertThat(block.path("pages").asLong() + block.path("zero-pages").asLong()).isEqualTo(4096);
      assertThat(block.path("pages-offset").asLong() % (1 << 20)).isZero();
    }
  }

  @Test
  void whatACommandWrites() throws Exception {
    try (GodwitProcess inspect = GodwitProcess.start("inspect", "exec:cat " + image)) {
      inspect.expectExit(0);
      assertThat(inspect.out()).startsWith("Migration stream of pc-i440fx-10.0: ");
    }
  }

  @Test
  void aStreamThatWasCut() throws Exception {
    Path cut = Files.copy(image, dir.resolve("cut.img"));
    try (FileChannel file = FileChannel.open(cut, StandardOpenOption.WRITE)) {
      file.truncate(100_000);
    }
    try (GodwitProcess inspect = GodwitProcess.start("inspect", cut.toString())) {
      inspect.expectExit(10);
      assertThat(inspect.out())
          .startsWith("Migration stream of pc-i440fx-10.0: 100,000 bytes, dam");
      assertThat(inspect.sentence())
          .contains("byte 100000")
          .contains("in the PART of section 1 (ram, instance 0)");
    }
  }

  @Test
  void aStreamWithAWrongByteAndNamesThatWouldWriteOnTheTerminal() throws Exception {
    Path wrong = Files.copy(image, dir.resolve("wrong.img"));
    byte[] bytes = Files.readAllBytes(wrong);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("kvm-tpr-opt");
    try (FileChannel file = FileChannel.open(wrong, StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(new byte[] {0x1B, '[', '2', 'J'}), text.indexOf("pc-i440fx"));
      // What follows this device's header is no section then.
      file.write(ByteBuffer.wrap(new byte[] {0x55}), at - 6);
    }
    for (String json : List.of("--ram", "--json")) {
      try (GodwitProcess inspect = GodwitProcess.start("inspect", json, wrong.toString())) {
        assertThat(inspect.awaitExit()).isIn(10, 16);
        assertThat(inspect.log()).doesNotContain("\u001B").contains("40fx-10.0");
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "14 | There is no file | nowhere.img",
        "14 | is a directory | .",
        "10 | It is empty | empty.img",
        "16 | This is no migration stream, it begins with 0x66616365 | text.img",
        "16 | gzip | packed.img",
        "2 | Unknown scheme 'foo:' | foo:bar",
        "2 | Unknown setting 'colour' | file:/nowhere,colour=red",
      })
  void whatIsNoStream(int code, String named, String target) throws Exception {
    Files.write(dir.resolve("empty.img"), new byte[0]);
    Files.writeString(dir.resolve("text.img"), "facetious");
    Files.write(dir.resolve("packed.img"), new byte[] {0x1F, (byte) 0x8B, 8, 0});
    String file = target.contains(":") ? target : dir.resolve(target).toString();
    try (GodwitProcess inspect = GodwitProcess.start("inspect", file)) {
      inspect.expectExit(code);
      assertThat(inspect.sentence()).startsWith("godwit").contains(named);
      assertThat(inspect.out()).isEmpty();
    }
  }

  /** The guest ticks on at the source, and its migration can be tried again. */
  @ParameterizedTest
  @CsvSource({
    "V7_2, return-path",
    "V10_0, return-path",
    "V7_2, return-path multifd",
    "V10_0, return-path multifd",
    "V10_0, return-path multifd multifd-compression=zstd",
  })
  void aLiveSourceKeepsItsGuest(QemuVersion version, String settings) throws Exception {
    String uri = "unix:" + dir.resolve("in.sock");
    try (Qemu source =
            Qemu.start(
                QemuBinary.require(version),
                QemuMachine.of(GUEST).ofType("pc-i440fx-" + version.number()),
                dir.resolve("live"));
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), TwoQemus.soon());
        GodwitProcess inspect = GodwitProcess.start("inspect", "--json", uri)) {
      long ticks = SerialTicks.await(1, TwoQemus.PATIENCE, source.serialLog()).last();
      monitor.apply(MigrationSettings.parse(List.of(settings.split(" "))), TwoQemus.soon());
      inspect.awaitListening();

      monitor.migrate(uri, TwoQemus.soon());
      inspect.expectExit(0);

      assertThat(awaitEnd(monitor).state()).isEqualTo(MigrationState.FAILED);
      assertThat(monitor.status(TwoQemus.soon()).state()).isEqualTo(RunStatus.State.RUNNING);
      assertThat(
              SerialTicks.await(
                      ticks + GUEST.ticksToCheckAll(), TwoQemus.PATIENCE, source.serialLog())
                  .finding())
          .isEmpty();
      assertThat(inspect.err()).contains("the guest stays there");
      expectWholeGuest(inspect.json(), settings.contains("multifd"));
    }
  }

  private static void expectWholeGuest(JsonNode document, boolean multifd) {
    assertThat(document.path("outcome").asString()).isEqualTo("complete");
    assertThat(document.path("devices").size()).isGreaterThan(20);
    assertThat(document.path("multifd").size()).isEqualTo(multifd ? 2 : 0);
    long pages =
        document
            .path("ram")
            .path("pages")
            .valueStream()
            .mapToLong(count -> count.path("pages").asLong())
            .sum();
    long ofChannels =
        document
            .path("multifd")
            .valueStream()
            .flatMap(channel -> channel.path("blocks").valueStream())
            .mapToLong(block -> block.path("pages").asLong() + block.path("zero-pages").asLong())
            .sum();
    assertThat(ofChannels > 0).isEqualTo(multifd);
    assertThat(pages + ofChannels)
        .isGreaterThanOrEqualTo(document.path("ram").path("bytes").asLong() / 4096);
  }

  @Test
  void leavesNoSocketWhenItIsAskedToEnd() throws Exception {
    Path socket = dir.resolve("in.sock");
    try (GodwitProcess inspect = GodwitProcess.start("inspect", "unix:" + socket)) {
      inspect.awaitListening();
      assertThat(socket).exists();

      inspect.signal("TERM");

      inspect.expectExit(143);
      assertThat(socket).doesNotExist();
    }
  }

  @ParameterizedTest
  @CsvSource({"return-path=off, return-path off", "postcopy-ram, postcopy-ram on"})
  void aLiveSourceThatCouldLoseItsGuestIsRefused(String setting, String named) throws Exception {
    String uri = "unix:" + dir.resolve("in.sock");
    try (Qemu source =
            Qemu.start(
                QemuBinary.require(QemuVersion.V10_0), QemuMachine.of(GUEST), dir.resolve("live"));
        QemuMonitor monitor = QemuMonitor.connect(source.qmp(), TwoQemus.soon());
        GodwitProcess inspect = GodwitProcess.start("inspect", uri)) {
      SerialTicks.await(1, TwoQemus.PATIENCE, source.serialLog());
      monitor.apply(MigrationSettings.parse(List.of(setting, "max-bandwidth=1M")), TwoQemus.soon());
      inspect.awaitListening();

      monitor.migrate(uri, TwoQemus.soon());
      inspect.expectExit(3);

      assertThat(inspect.sentence()).contains(named).endsWith("; the guest stays at the source");
      assertThat(inspect.out()).isEmpty();
      assertThat(awaitEnd(monitor).state()).isEqualTo(MigrationState.FAILED);
      assertThat(monitor.status(TwoQemus.soon()).state()).isEqualTo(RunStatus.State.RUNNING);
    }
  }
}
