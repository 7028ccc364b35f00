package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.stream.Section;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine as the destination of a real QEMU, and as the source of another. */
@Timeout(120)
final class EngineWithQemuTest {
  private static final Duration PATIENCE = Duration.ofSeconds(40);

  @TempDir private Path directory;

  static Stream<Arguments> cells() {
    return Stream.of(QemuVersion.values())
        .flatMap(
            version ->
                Stream.of("", "multifd", "multifd-compression=zstd")
                    .map(setting -> Arguments.of(version, setting)));
  }

  private static Map<String, String> settings(String setting) {
    return switch (setting) {
      case "" -> Map.of();
      case "multifd" -> Map.of("multifd", "on");
      default -> Map.of("multifd", "on", "multifd-compression", "zstd");
    };
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestGoesFromQemuThroughTheEngineToQemu(QemuVersion version, String setting)
      throws Exception {
    Map<String, String> settings = settings(setting);
    EngineParameters parameters =
        EngineParameters.defaults().with("max-bandwidth", "0").with(settings);
    MigrationSettings qemus =
        MigrationSettings.parse(
            Stream.concat(
                    Stream.of("return-path"),
                    settings.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()))
                .toList());
    Kind kind = new Kind(Mode.PLAIN, version);
    QemuMachine machine = QemuMachine.of(CaptureMaker.GUEST);
    Path before = directory.resolve("before.bin");
    Path after = directory.resolve("after.bin");
    try (Qemu source = start(version, machine, "s");
        Qemu destination = start(version, machine.incoming(), "d");
        QemuMonitor here = QemuMonitor.connect(source.qmp(), soon());
        QemuMonitor there = QemuMonitor.connect(destination.qmp(), soon())) {
      SerialTicks.await(2, PATIENCE, source.serialLog());
      here.stop(soon());
      try (QemuGuest guest = like(here, kind)) {
        here.apply(qemus, soon());
        there.apply(qemus, soon());
        try (Listener listener = Images.TRANSPORTS.listen(Endpoint.parse("tcp:127.0.0.1:0"));
            DestinationMigration in = new DestinationMigration(guest, listener, parameters)) {
          in.start();
          here.migrate(listener.local().toString(), soon());
          in.await();
          CaptureMaker.awaitCompleted(here, kind);
        }
        assertThat(guest.isRunning()).isFalse();
        Endpoint to = Endpoint.parse("unix:" + directory.resolve("in.sock"));
        there.migrateIncoming(to.toString(), soon());
        try (Dialer dialer = Images.TRANSPORTS.dialer(to);
            SourceMigration out =
                new SourceMigration(guest, dialer, parameters, DestinationKind.QEMU)) {
          out.migrate();
          assertThat(out.state()).isEqualTo(SourceState.COMPLETED);
        }
        CaptureMaker.awaitCompleted(there, kind);
      }
      CaptureMaker.saveMemory(source, before);
      CaptureMaker.saveMemory(destination, after);
      assertThat(new Capture(kind, List.of(), after).guestMemory())
          .isEqualTo(new Capture(kind, List.of(), before).guestMemory());
      there.cont(soon());
      SerialTicks.await(2, PATIENCE, destination.serialLog());
    }
  }

  /** A QEMU that cannot load what it gets says so, and the guest is the source's as it was. */
  @ParameterizedTest
  @EnumSource(QemuVersion.class)
  void whatQemuDoesNotTakeStaysHere(QemuVersion version) throws Exception {
    Kind kind = new Kind(Mode.PLAIN, version);
    QemuMachine machine = QemuMachine.of(CaptureMaker.GUEST);
    EngineParameters parameters =
        EngineParameters.defaults()
            .with(Map.of("max-bandwidth", "0", "x-godwit-peer-timeout", "10"));
    try (Qemu source = start(version, machine, "s");
        Qemu destination = start(version, machine.incoming(), "d");
        QemuMonitor here = QemuMonitor.connect(source.qmp(), soon());
        QemuMonitor there = QemuMonitor.connect(destination.qmp(), soon())) {
      here.stop(soon());
      try (QemuGuest guest = like(here, kind)) {
        // A guest without any device but one that no QEMU has.
        guest.loadOther(new Section(9, "godwit-gauge", 0, 1), new byte[8]);
        guest.resume();
        Endpoint to = Endpoint.parse("unix:" + directory.resolve("in.sock"));
        there.migrateIncoming(to.toString(), soon());
        try (Dialer dialer = Images.TRANSPORTS.dialer(to);
            SourceMigration out =
                new SourceMigration(guest, dialer, parameters, DestinationKind.QEMU)) {
          Optional<MigrationException> failure = migrate(out);
          assertThat(failure).isPresent();
          boolean undecided = out.state() == SourceState.UNDECIDED;
          assertThat(guest.isRunning()).as("%s", failure.get()).isEqualTo(!undecided);
        }
      }
    }
  }

  private static Optional<MigrationException> migrate(SourceMigration out) {
    try {
      out.migrate();
      return Optional.empty();
    } catch (MigrationException e) {
      return Optional.of(e);
    }
  }

  /** A guest that is laid out as that of a QEMU, which saves it to see how that is. */
  private QemuGuest like(QemuMonitor here, Kind kind) throws Exception {
    Path file = directory.resolve("layout.img");
    here.migrate("exec:cat > " + file, soon());
    CaptureMaker.awaitCompleted(here, kind);
    here.cont(soon());
    here.stop(soon());
    try (Received received =
        Received.open(
            Images.TRANSPORTS.listen(Endpoint.parse("file:" + file)),
            Optional.empty(),
            LaneOpener.none())) {
      return new QemuGuest(received.image());
    }
  }

  private Qemu start(QemuVersion version, QemuMachine machine, String name) throws Exception {
    return Qemu.start(
        QemuBinary.require(version), machine, Files.createDirectories(directory.resolve(name)));
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
