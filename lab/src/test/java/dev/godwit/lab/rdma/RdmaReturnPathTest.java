package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.lab.stream.QemuGuest;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * QEMU's own {@code rdma:} has its return path on a second connection, which a QEMU opens or takes
 * by rules of its version. Where both sides are set alike it works; else it fails soon, and says
 * what to set.
 */
@Tag(Rdma.TAG)
final class RdmaReturnPathTest {
  private static final Seed SEED = Seed.of("RdmaReturnPathTest");
  private static final int MEMORY_MIB = 16;
  private static final int PORT = 7480;
  private static final String ON = "return-path=on";
  private static final String NEEDED = "set return-path=on in the URI here, or turn it off there";
  private static final String NOT_THERE = "or leave return-path out of the URI here";

  @TempDir private Path directory;
  private int destinations;

  /** With which capability a QEMU of a version has the second connection. */
  private static String capability(QemuVersion version) {
    return version == QemuVersion.V7_2 ? "postcopy-ram" : "return-path";
  }

  private static QemuMachine machine(QemuVersion version) {
    BootSector guest =
        BootSector.of(MEMORY_MIB, 1).dirtying(2).ticking(20).filled(BootSector.Fill.RANDOM);
    return QemuMachine.of(guest).ofType("pc-i440fx-" + version.number());
  }

  /** One version, or all of them. */
  static Stream<QemuVersion> versions() {
    List<QemuVersion> all = List.of(QemuVersion.values());
    return Boolean.getBoolean("godwit.full")
        ? all.stream()
        : Stream.of(all.get(SEED.random().nextInt(all.size())));
  }

  @ParameterizedTest
  @MethodSource("versions")
  void bothSidesHaveItOrNone(QemuVersion version) throws Exception {
    QemuMachine machine = machine(version);
    try (Qemu source = Qemu.start(QemuBinary.require(version), machine, directory.resolve("s"));
        QemuMonitor here = QemuMonitor.connect(source.qmp(), TwoQemus.soon())) {
      SerialTicks.await(2, TwoQemus.PATIENCE, source.serialLog());
      try (QemuGuest guest = KeptGuests.like(here, directory.resolve("layout.img"))) {
        withoutTheirs(guest, here);
        if (version == QemuVersion.V7_2) {
          // It opens no second connection for that, and misses it.
          apply(here, "return-path=on");
          assertThat(into(guest, here, "")).isPresent();
          apply(here, "return-path=off");
        }
        apply(here, capability(version) + "=on");
        assertThat(into(guest, here, "").orElse("")).endsWith(NEEDED);
        Optional<String> failure = into(guest, here, ON);
        if (version == QemuVersion.V7_2) {
          assertThat(failure.orElse(""))
              .contains("The source has postcopy-ram or dirty-bitmaps on");
          apply(here, capability(version) + "=off");
          failure = into(guest, here, "");
        }
        assertThat(failure).isEmpty();
        assertThat(outOf(guest, version, machine, false, ON).orElse("")).endsWith(NOT_THERE);
        assertThat(outOf(guest, version, machine, true, ON)).isEmpty();
        if (Boolean.getBoolean("godwit.full")) {
          // A destination does not wait for it.
          assertThat(outOf(guest, version, machine, true, "")).isEmpty();
        }
      } catch (AssertionError | Exception e) {
        e.addSuppressed(new AssertionError(SEED + " " + source.output()));
        throw e;
      }
    }
  }

  private static String sentence(MigrationException e) {
    Throwable cause = e.getCause();
    return String.valueOf((cause == null ? e : cause).getMessage());
  }

  private static void apply(QemuMonitor monitor, String... settings) throws Exception {
    monitor.apply(MigrationSettings.parse(List.of(settings)), TwoQemus.soon());
  }

  /**
   * From a QEMU into the engine; what the engine says if that fails, and then it is still there.
   */
  private static Optional<String> into(QemuGuest guest, QemuMonitor source, String settings)
      throws Exception {
    try (Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri(settings)));
        DestinationMigration in = new DestinationMigration(guest, listener, Ends.parameters())) {
      in.start();
      boolean refused = false;
      try {
        source.migrate("rdma:" + listener.local().address(), TwoQemus.soon());
      } catch (QmpException.Refused e) {
        refused = true; // It connects before it says that it has begun.
      }
      Optional<String> failure = Optional.empty();
      try {
        in.await();
      } catch (MigrationException e) {
        failure = Optional.of(sentence(e));
      }
      MigrationState end = refused ? MigrationState.FAILED : KeptGuests.awaitEnd(source).state();
      boolean runs = source.status(TwoQemus.soon()).running();
      if (failure.isPresent()) {
        assertThat(end).as(failure.get()).isEqualTo(MigrationState.FAILED);
        assertThat(runs).as("the guest runs at the source").isTrue();
      } else {
        assertThat(end).isEqualTo(MigrationState.COMPLETED);
        assertThat(guest.isRunning()).isTrue();
      }
      return failure;
    }
  }

  /** Godwit waits for a second connection that does not come: it goes on to wait for a source. */
  private static void withoutTheirs(QemuGuest guest, QemuMonitor source) throws Exception {
    try (Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri(ON)));
        DestinationMigration in = new DestinationMigration(guest, listener, Ends.parameters())) {
      in.start();
      source.migrate("rdma:" + listener.local().address(), TwoQemus.soon());
      assertThat(KeptGuests.awaitEnd(source).state()).isEqualTo(MigrationState.FAILED);
      assertThat(source.status(TwoQemus.soon()).running()).isTrue();
      assertThat(in.state()).isEqualTo(DestinationState.SETUP);
      assertThat(in.cancel("the test wants it")).isTrue();
    }
  }

  /** From the engine into a new QEMU; what the engine says if that fails, and then it runs on. */
  private Optional<String> outOf(
      QemuGuest guest, QemuVersion version, QemuMachine machine, boolean twoWay, String settings)
      throws Exception {
    int number = destinations++;
    Path files = directory.resolve("d" + number);
    String target = "rdma:" + Rdma.address() + ":" + (PORT + number);
    guest.resume();
    try (Qemu destination = Qemu.start(QemuBinary.require(version), machine.incoming(), files);
        QemuMonitor there = QemuMonitor.connect(destination.qmp(), TwoQemus.soon())) {
      apply(there, capability(version) + (twoWay ? "=on" : "=off"));
      there.migrateIncoming(target, TwoQemus.soon());
      Endpoint to = Endpoint.parse(target + (settings.isEmpty() ? "" : "?" + settings));
      Optional<String> failure = Optional.empty();
      try (Dialer dialer = Ends.TRANSPORTS.dialer(to);
          SourceMigration out =
              new SourceMigration(guest, dialer, Ends.parameters(), DestinationKind.QEMU)) {
        try {
          out.migrate();
          assertThat(out.state()).isEqualTo(SourceState.COMPLETED);
        } catch (MigrationException e) {
          failure = Optional.of(sentence(e));
          assertThat(out.state()).isEqualTo(SourceState.FAILED);
          assertThat(guest.isRunning()).isTrue();
        }
      }
      if (failure.isEmpty()) {
        assertThat(KeptGuests.awaitEnd(there).state()).isEqualTo(MigrationState.COMPLETED);
        SerialTicks.await(2, TwoQemus.PATIENCE, destination.serialLog());
      }
      return failure;
    } catch (AssertionError | Exception e) {
      e.addSuppressed(new AssertionError(target + " " + settings));
      throw e;
    }
  }
}
