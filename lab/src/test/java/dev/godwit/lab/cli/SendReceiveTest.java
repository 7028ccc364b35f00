package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.drive.SourceDrive;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.QemuSettings;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/**
 * {@code godwit send} and {@code godwit receive} when they succeed, and when they are told to end.
 */
final class SendReceiveTest {
  /** So little that the guest dirties memory faster: it never ends by itself. */
  private static final String SLOW = "max-bandwidth=4M";

  private static final String MACHINE = "pc-i440fx-7.2";

  @TempDir private Path dir;

  @Test
  void bothSidesReportTheSameBytesAsJson() throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V7_2, MACHINE);
        GodwitProcess receive =
            Commands.receive(qemus, "tcp:127.0.0.1:0", "--json", "--set", "multifd");
        GodwitProcess send =
            Commands.send(
                qemus, receive, "--json", "--set", "multifd", "--set", "max-bandwidth=0")) {
      send.expectExit(0);
      receive.expectExit(0);

      JsonNode sent = send.json();
      JsonNode received = receive.json();
      assertThat(sent.path("schema").asString()).isEqualTo("godwit/1");
      assertThat(sent.path("command").asString()).isEqualTo("send");
      assertThat(received.path("command").asString()).isEqualTo("receive");
      assertThat(sent.propertyNames())
          .contains("side", "qemu", "outcome", "message", "notes", "ram", "wire")
          .contains("elapsed-seconds", "total-seconds", "setup-seconds", "downtime-seconds")
          .contains("stopped-at", "resumed-at");
      assertThat(sent.path("outcome").asString()).isEqualTo("completed");
      assertThat(received.path("outcome").asString()).isEqualTo("completed");
      assertThat(sent.path("downtime-seconds").asDouble()).isPositive();
      assertThat(sent.path("stopped-at").asString()).isNotEmpty();
      assertThat(received.path("resumed-at").asString()).isNotEmpty();
      assertThat(sent.path("wire").path("channels").size()).isEqualTo(3);
      for (String count : new String[] {"forward-bytes", "backward-bytes"}) {
        assertThat(sent.path("wire").path(count).asLong())
            .as(count)
            .isPositive()
            .isEqualTo(received.path("wire").path(count).asLong());
      }
      qemus.expectGuestIntact();
    }
  }

  @Test
  void peopleReadATableAndNothingElseOnStandardOutput() throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        GodwitProcess receive = Commands.receive(qemus, "unix:" + dir.resolve("migration.sock"));
        GodwitProcess send = Commands.send(qemus, receive, "--set", "max-bandwidth=0")) {
      send.expectExit(0);
      receive.expectExit(0);

      assertThat(send.out()).startsWith("The guest has moved to unix:" + dir);
      assertThat(send.out()).containsPattern("total +\\d+\\.\\d{3} s\n");
      assertThat(send.out()).containsPattern("downtime +\\d+\\.\\d{3} s\n");
      assertThat(send.out()).containsPattern("main +[\\d,]+ B +[\\d,]+ B\n");
      assertThat(receive.out()).startsWith("The guest has come\n");
      assertThat(send.err()).doesNotContain("\033", "\r");
      assertThat(dir.resolve("migration.sock")).doesNotExist();
      qemus.expectGuestIntact();
    }
  }

  @ParameterizedTest
  @CsvSource({"V10_0,INT,130", "V7_2,INT,130", "V10_0,TERM,143"})
  void aSenderThatIsToldToEndCancelsInOrder(QemuVersion from, String signal, int code)
      throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, from, QemuVersion.V10_0, MACHINE)) {
      QemuSettings before = qemus.sourceMonitor().settings(TwoQemus.soon());
      try (GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0");
          GodwitProcess send = Commands.send(qemus, receive, "--set", SLOW, "--set", "xbzrle")) {
        Commands.awaitMidFlight(qemus.sourceMonitor());
        send.signal(signal);
        send.expectExit(code);

        assertThat(send.sentence())
            .isEqualTo("godwit send: The migration was cancelled; the VM runs on at the source");
        receive.expectExit(1);
        assertThat(receive.sentence()).startsWith("godwit receive: The destination QEMU failed");
      }
      assertThat(qemus.sourceMonitor().settings(TwoQemus.soon())).isEqualTo(before);
      qemus.expectRunningAtSource();
    }
  }

  /**
   * QEMU has paused the guest and waits to be told to hand it over: the last moment at which a
   * cancel leaves one guest, and that at the source.
   */
  @ParameterizedTest
  @EnumSource
  void aCancelAtTheLastMomentLeavesTheGuestAtTheSource(QemuVersion from) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, from, QemuVersion.V10_0, MACHINE);
        GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0")) {
      QemuSettings before = qemus.sourceMonitor().settings(TwoQemus.soon());
      AtomicReference<Runnable> cancel = new AtomicReference<>(() -> {});
      SourceDrive drive =
          new SourceDrive(
              qemus.source().qmp(),
              receive.awaitListening(),
              MigrationSettings.parse(List.of("max-bandwidth=0")),
              false,
              Transports.load(),
              progress -> {
                if (progress.state() == MigrationState.PRE_SWITCHOVER) {
                  cancel.get().run();
                }
              });
      cancel.set(drive::cancel);

      assertThat(drive.run().outcome()).isEqualTo(DriveReport.Outcome.CANCELLED);
      receive.expectExit(1);
      assertThat(qemus.sourceMonitor().settings(TwoQemus.soon())).isEqualTo(before);
      qemus.expectRunningAtSource();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReceiverThatIsToldToEndBreaksOffWhatComes(QemuVersion to) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, to, MACHINE)) {
      QemuSettings before = qemus.sourceMonitor().settings(TwoQemus.soon());
      try (GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0");
          GodwitProcess send = Commands.send(qemus, receive, "--set", SLOW)) {
        Commands.awaitMidFlight(qemus.sourceMonitor());
        receive.signal("INT");
        receive.expectExit(130);
        assertThat(receive.sentence()).startsWith("godwit receive: Stopped receiving");

        send.expectExit(1);
        assertThat(send.sentence()).endsWith("; the VM runs on at the source");
      }
      assertThat(qemus.sourceMonitor().settings(TwoQemus.soon())).isEqualTo(before);
      qemus.expectRunningAtSource();
    }
  }

  @Test
  void aReceiverThatWaitsCanBeToldToEnd() throws Exception {
    Path socket = dir.resolve("migration.sock");
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        GodwitProcess receive = Commands.receive(qemus, "unix:" + socket)) {
      receive.awaitListening();
      receive.signal("INT");
      receive.expectExit(130);

      assertThat(socket).doesNotExist();
      assertThat(qemus.destinationMonitor().status(TwoQemus.soon()).running()).isFalse();
    }
  }

  @Test
  void aProxyThatIsToldToEndRemovesItsSocketAndEndsBothSides() throws Exception {
    Path in = dir.resolve("in.sock");
    Path out = dir.resolve("out.sock");
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        GodwitProcess proxy = GodwitProcess.start("proxy", "unix:" + out, "unix:" + in)) {
      qemus.apply(java.util.List.of("return-path", SLOW));
      qemus.destinationMonitor().migrateIncoming("unix:" + in, TwoQemus.soon());
      proxy.awaitListening();
      qemus.sourceMonitor().migrate("unix:" + out, TwoQemus.soon());
      Commands.awaitMidFlight(qemus.sourceMonitor());

      proxy.signal("TERM");
      proxy.expectExit(143);

      assertThat(out).doesNotExist();
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.FAILED);
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.FAILED);
      assertThat(qemus.destinationMonitor().status(TwoQemus.soon()).state())
          .isNotEqualTo(RunStatus.State.RUNNING);
      qemus.expectRunningAtSource();
    }
  }
}
