package dev.godwit.lab.failure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.Commands;
import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.QemuSettings;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Transports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What breaks before switchover, between real QEMUs: the guest runs on at the source, whole, and
 * never at both. What merely stands still goes on.
 */
final class FailureTest {
  private static final String MACHINE = "pc-i440fx-7.2";

  /** The guest dirties memory faster: such a migration never ends by itself. */
  private static final String SLOW = "max-bandwidth=4M";

  @TempDir private Path dir;

  @ParameterizedTest
  @EnumSource
  void theDestinationIsKilled(QemuVersion to) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, to, MACHINE)) {
      QemuSettings before = qemus.sourceMonitor().settings(TwoQemus.soon());
      try (GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0");
          GodwitProcess send = Commands.send(qemus, receive, "--set", SLOW)) {
        Commands.awaitMidFlight(qemus.sourceMonitor());
        receive.awaitSaid("ch=1/main carried");
        qemus.destination().kill();

        send.expectExit(1);
        receive.expectExit(1);
        assertThat(send.sentence())
            .startsWith("godwit send: Destination side of ch=1/main")
            .endsWith("; the VM runs on at the source");
        assertThat(receive.sentence())
            .startsWith("godwit receive: The destination QEMU has ended")
            .endsWith("; the VM is at the source");
      }
      assertThat(qemus.sourceMonitor().settings(TwoQemus.soon())).isEqualTo(before);
      qemus.expectRunningAtSource();
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void aProxyIsKilled(boolean near) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        Chain chain = new Chain(dir, "tcp:127.0.0.1:0", "")) {
      chain.begin(qemus, List.of("return-path", "multifd", SLOW));
      Commands.awaitMidFlight(qemus.sourceMonitor());

      (near ? chain.near : chain.far).signal("KILL");

      expectFailedBeforeSwitchover(qemus);
      assertThat((near ? chain.far : chain.near).awaitExit()).isIn(1, 10, 11);
    }
  }

  /** Each channel is cut at its byte 3,000,000, after a second and more. */
  @ParameterizedTest
  @EnumSource
  void oneChannelIsCut(QemuVersion from) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, from, QemuVersion.V10_0, MACHINE);
        Chain chain = new Chain(dir, "tcp:127.0.0.1:0", "?fault=cut:3000000")) {
      chain.begin(
          qemus, List.of("return-path", "multifd", "multifd-channels=4", "max-bandwidth=8M"));

      expectFailedBeforeSwitchover(qemus);
      assertThat(chain.near.awaitExit()).as(chain.near.log()).isEqualTo(11);
      assertThat(chain.far.awaitExit()).as(chain.far.log()).isIn(1, 10, 11);
      assertThat(chain.near.out()).contains("multifd 3", "fault=cut:3000000");
    }
  }

  /**
   * Twelve seconds by the guest's own clock in which a proxy does nothing: nobody gives up, and the
   * guest arrives.
   */
  @ParameterizedTest
  @CsvSource({"true,", "false,multifd"})
  void aProxyStandsStill(boolean near, String mode) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        Chain chain = new Chain(dir, "tcp:127.0.0.1:0", "")) {
      List<String> settings =
          mode == null ? List.of("return-path", SLOW) : List.of("return-path", SLOW, mode);
      chain.begin(qemus, settings);
      Commands.awaitMidFlight(qemus.sourceMonitor());
      GodwitProcess stalled = near ? chain.near : chain.far;

      stalled.signal("STOP");
      long start = System.nanoTime();
      while (System.nanoTime() - start < 12_000_000_000L) {
        qemus.expectTicks(50);
      }
      stalled.signal("CONT");
      qemus
          .sourceMonitor()
          .apply(
              dev.godwit.migration.qemu.MigrationSettings.parse(List.of("max-bandwidth=0")),
              TwoQemus.soon());

      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
      chain.near.expectExit(0);
      chain.far.expectExit(0);
      qemus.expectGuestIntact();
    }
  }

  /**
   * The same with Godwit's own drives: a destination that waits for the network is not given up.
   */
  @Test
  void theSourcesSideStandsStillUnderSendAndReceive() throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V7_2, MACHINE);
        GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0", "--set", "multifd");
        GodwitProcess send = Commands.send(qemus, receive, "--set", "multifd", "--set", SLOW)) {
      Commands.awaitMidFlight(qemus.sourceMonitor());
      receive.awaitSaid("multifd 1 carried");
      send.signal("STOP");
      long start = System.nanoTime();
      while (System.nanoTime() - start < 12_000_000_000L) {
        qemus.expectTicks(50);
      }
      send.signal("CONT");
      qemus
          .sourceMonitor()
          .apply(
              dev.godwit.migration.qemu.MigrationSettings.parse(List.of("max-bandwidth=0")),
              TwoQemus.soon());

      send.expectExit(0);
      receive.expectExit(0);
      qemus.expectGuestIntact();
    }
  }

  /** A guest that is saved through a proxy runs on when there is no room for it. */
  @ParameterizedTest
  @EnumSource
  void theDiskIsFull(QemuVersion from) throws Exception {
    Path out = dir.resolve("out.sock");
    try (TwoQemus qemus = TwoQemus.start(dir, from, QemuVersion.V10_0, MACHINE);
        GodwitProcess proxy =
            GodwitProcess.start("proxy", "--once", "unix:" + out, "file:/dev/full")) {
      proxy.awaitListening();
      qemus.sourceMonitor().migrate("unix:" + out, TwoQemus.soon());

      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.FAILED);
      assertThat(proxy.awaitExit()).as(proxy.log()).isEqualTo(18);
      assertThat(proxy.out()).contains("There is no room left for /dev/full");
      assertThat(out).doesNotExist();
      qemus.expectRunningAtSource();
    }
  }

  @Test
  void aSecondSourceIsRefusedAndHarmsNothing() throws Exception {
    Path in = dir.resolve("in.sock");
    Path out = dir.resolve("out.sock");
    BootSector guest = BootSector.of(16, 4);
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        Qemu other =
            Qemu.start(
                QemuBinary.require(QemuVersion.V7_2), QemuMachine.of(guest), dir.resolve("o"));
        QemuMonitor otherMonitor = QemuMonitor.connect(other.observer(), TwoQemus.soon());
        InProcess proxy = new InProcess(Transports.load(), "unix:" + out, "unix:" + in)) {
      SerialTicks.await(1, TwoQemus.PATIENCE, other.serialLog());
      qemus.apply(List.of("return-path", SLOW));
      qemus.destinationMonitor().migrateIncoming("unix:" + in, TwoQemus.soon());
      qemus.sourceMonitor().migrate("unix:" + out, TwoQemus.soon());
      Commands.awaitMidFlight(qemus.sourceMonitor());

      otherMonitor.migrate("unix:" + out, TwoQemus.soon());
      assertThat(
              otherMonitor
                  .awaitMigration(s -> s.isFinal(), TwoQemus.PATIENCE, TwoQemus.soon())
                  .state())
          .isEqualTo(MigrationState.FAILED);
      long more = SerialTicks.read(other.serialLog()).last() + guest.ticksToCheckAll();
      assertThat(SerialTicks.await(more, TwoQemus.PATIENCE, other.serialLog()).finding()).isEmpty();

      qemus
          .sourceMonitor()
          .apply(
              dev.godwit.migration.qemu.MigrationSettings.parse(List.of("max-bandwidth=0")),
              TwoQemus.soon());
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
      assertThat(proxy.report().outcome()).isEqualTo(MigrationReport.Outcome.COMPLETED);
      qemus.expectGuestIntact();
    }
  }

  /** Both QEMUs know that it failed, and the guest runs where it was and nowhere else. */
  static void expectFailedBeforeSwitchover(TwoQemus qemus) throws Exception {
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.FAILED);
    expectNotRunningAtDestination(qemus);
    qemus.expectRunningAtSource();
    assertThat(Files.size(qemus.destination().serialLog()))
        .as("what the guest has said at the destination")
        .isZero();
  }

  private static void expectNotRunningAtDestination(TwoQemus qemus) {
    try {
      RunStatus status = qemus.destinationMonitor().status(TwoQemus.soon());
      assertThat(status.running()).as(status.stateName()).isFalse();
    } catch (QmpException e) {
      // It has ended, or it waits for ever for the multifd packets that were lost with their
      // channel (qemu-wire.md §4.9).
      assertThat(e)
          .isInstanceOfAny(
              QmpException.Gone.class, QmpException.Closed.class, QmpException.MainLoopStuck.class);
    }
  }

  /** Two proxy processes between two QEMUs that the test drives. */
  private static final class Chain implements AutoCloseable {
    final GodwitProcess near;
    final GodwitProcess far;
    private final String in;
    private final String out;

    Chain(Path dir, String middle, String layers) throws Exception {
      in = "unix:" + dir.resolve("in.sock");
      out = "unix:" + dir.resolve("out.sock");
      far = GodwitProcess.start("proxy", "--once", middle, in);
      try {
        near = GodwitProcess.start("proxy", "--once", out, far.awaitListening() + layers);
        near.awaitListening();
      } catch (Exception e) {
        far.close();
        throw e;
      }
    }

    void begin(TwoQemus qemus, List<String> settings) throws Exception {
      qemus.apply(settings);
      qemus.destinationMonitor().migrateIncoming(in, TwoQemus.soon());
      qemus.sourceMonitor().migrate(out, TwoQemus.soon());
    }

    @Override
    public void close() throws Exception {
      near.close();
      far.close();
    }
  }
}
