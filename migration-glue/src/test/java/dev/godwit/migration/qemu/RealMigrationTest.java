package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.RealQemu.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.migration.qemu.RealQemu.Release;
import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Drives real QEMUs through migrations that succeed and that fail. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class RealMigrationTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @TempDir Path dir;

  private String uri() {
    return "unix:" + dir.resolve("migration");
  }

  private static void set(QemuMonitor monitor, String... settings) throws Exception {
    MigrationSettings parsed = MigrationSettings.parse(List.of(settings));
    parsed.check(monitor.settings(soon()));
    monitor.apply(parsed, soon());
  }

  private static List<QemuEvent> drain(QemuEvents events) throws QmpException {
    List<QemuEvent> all = new ArrayList<>();
    for (var event = events.next(Deadline.after(Duration.ZERO));
        event.isPresent();
        event = events.next(Deadline.after(Duration.ZERO))) {
      all.add(event.get());
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource
  void migratesAndReports(Release release) throws Exception {
    try (RealQemu from = RealQemu.start(release, dir);
        RealQemu to = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor source = from.monitor();
        QemuMonitor destination = to.monitor();
        QemuEvents sourceEvents = source.events();
        QemuEvents destinationEvents = destination.events()) {
      set(source, "events", "return-path", "pause-before-switchover");
      set(destination, "events");
      assertThat(destination.queryMigrate(soon()).state()).isEqualTo(MigrationState.NONE);
      destination.migrateIncoming(uri(), soon());
      assertThat(destination.queryMigrate(soon()).listening()).containsExactly(uri());
      assertThat(destination.status(soon()).state()).isEqualTo(RunStatus.State.INMIGRATE);

      source.migrate(uri(), soon());
      MigrationStatus paused =
          source.awaitMigration(
              status -> status.state() == MigrationState.PRE_SWITCHOVER || status.isFinal(),
              PATIENCE,
              soon());
      assertThat(paused.state()).isEqualTo(MigrationState.PRE_SWITCHOVER);
      assertThat(source.status(soon()).state()).isEqualTo(RunStatus.State.FINISH_MIGRATE);
      source.continueFromPreSwitchover(soon());

      MigrationStatus done = source.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
      assertThat(done.state()).isEqualTo(MigrationState.COMPLETED);
      assertThat(done.error()).isEmpty();
      assertThat(done.times().downtime()).isPresent();
      assertThat(done.times().total().orElseThrow())
          .isGreaterThanOrEqualTo(done.times().setup().orElseThrow());
      RamProgress ram = done.ram().orElseThrow();
      assertThat(ram.totalBytes()).isGreaterThanOrEqualTo(32 << 20);
      assertThat(ram.remainingBytes()).isZero();
      assertThat(ram.cleanShare()).isEqualTo(1.0);
      assertThat(ram.normalPages() + ram.zeroPages())
          .isGreaterThanOrEqualTo(ram.totalBytes() / ram.pageBytes());
      assertThat(ram.transferredBytes()).isGreaterThan(ram.normalBytes());
      assertThat(ram.counted())
          .isEqualTo(
              release == Release.V7_2 ? RamProgress.Counted.MEMORY : RamProgress.Counted.WIRE);
      assertThat(source.status(soon()).state()).isEqualTo(RunStatus.State.POSTMIGRATE);
      destination.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
      assertThat(destination.status(soon()).running()).isTrue();

      List<QemuEvent> seen = drain(sourceEvents);
      assertThat(seen.stream().map(RealMigrationTest::word))
          .containsSubsequence(
              "setup", "pass 1", "active", "stop", "pre-switchover", "device", "completed");
      assertThat(drain(destinationEvents).stream().map(RealMigrationTest::word))
          .containsSubsequence("setup", "active", "resume", "completed");

      assertThatThrownBy(() -> source.migrate(uri(), soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessageContaining("has migrated away before");
    }
  }

  private static String word(QemuEvent event) {
    return switch (event) {
      case QemuEvent.StateChanged changed -> changed.stateName();
      case QemuEvent.PassBegan pass -> "pass " + pass.pass();
      case QemuEvent.Stopped _ -> "stop";
      case QemuEvent.Resumed _ -> "resume";
      case QemuEvent.Shutdown shutdown -> "shutdown " + shutdown.reason();
      case QemuEvent.Other other -> other.name();
    };
  }

  @ParameterizedTest
  @EnumSource
  void switchesToPostcopy(Release release) throws Exception {
    try (RealQemu from = RealQemu.start(release, dir);
        RealQemu to = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor source = from.monitor();
        QemuMonitor destination = to.monitor();
        QemuEvents events = source.events()) {
      set(source, "events", "return-path", "postcopy-ram", "max-bandwidth=200K");
      set(destination, "events", "postcopy-ram", "postcopy-blocktime");
      destination.migrateIncoming(uri(), soon());
      source.migrate(uri(), soon());
      source.awaitMigration(s -> s.state() == MigrationState.ACTIVE, PATIENCE, soon());
      source.startPostcopy(soon());
      MigrationStatus done = source.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
      assertThat(done.state()).isEqualTo(MigrationState.COMPLETED);
      MigrationStatus arrived =
          destination.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
      assertThat(arrived.times().postcopyBlocked()).isPresent();
      assertThat(
              drain(events).stream()
                  .anyMatch(e -> e instanceof QemuEvent.StateChanged c && c.state().isPostcopy()))
          .isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void cancelsAndTakesItsSettingsBack(Release release) throws Exception {
    try (RealQemu from = RealQemu.start(release, dir);
        RealQemu to = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor source = from.monitor();
        QemuMonitor destination = to.monitor()) {
      QemuSettings before = source.settings(soon());
      SavedSettings saved =
          source.apply(MigrationSettings.parse(List.of("return-path", "max-bandwidth=4K")), soon());
      destination.migrateIncoming(uri(), soon());
      source.migrate(uri(), soon());
      source.awaitMigration(s -> s.state() == MigrationState.ACTIVE, PATIENCE, soon());
      assertThatThrownBy(() -> source.migrate(uri(), soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessageContaining("is migrating already");
      assertThatThrownBy(
              () ->
                  source.awaitMigration(
                      MigrationStatus::isFinal, PATIENCE, Deadline.after(Duration.ofMillis(50))))
          .isInstanceOf(QmpException.TimedOut.class)
          .hasMessageContaining("no further than state active");
      source.cancelMigration(soon());
      assertThat(source.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon()).state())
          .isEqualTo(MigrationState.CANCELLED);
      source.restore(saved, soon());
      assertThat(source.settings(soon())).isEqualTo(before);
      assertThat(source.status(soon()).running()).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void tellsWhyTheConnectionFailed(Release release) throws Exception {
    try (RealQemu from = RealQemu.start(release, dir, "-S");
        QemuMonitor source = from.monitor()) {
      source.migrate(uri(), soon());
      MigrationStatus failed = source.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
      assertThat(failed.state()).isEqualTo(MigrationState.FAILED);
      assertThat(failed.error().orElseThrow()).contains("No such file or directory");
    }
  }

  @ParameterizedTest
  @EnumSource
  void explainsWhoCannotReceive(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      assertThatThrownBy(() -> monitor.migrateIncoming(uri(), soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessageContaining("was not started with -incoming defer");
      assertThat(monitor.yankMigration(soon())).isFalse();
    }
    try (RealQemu qemu = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor monitor = qemu.monitor()) {
      assertThatThrownBy(() -> monitor.migrate(uri(), soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessageContaining("is itself waiting for a migration");
      assertThatThrownBy(() -> monitor.migrateIncoming("unix:/nowhere/at/all", soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessageContaining("No such file or directory");
      if (release == Release.V7_2) {
        monitor.migrateIncoming("tcp:127.0.0.1:0", soon());
        assertThat(monitor.queryMigrate(soon()).listening())
            .singleElement()
            .asString()
            .matches("tcp:127\\.0\\.0\\.1:[1-9][0-9]*");
        assertThatThrownBy(() -> monitor.migrateIncoming(uri(), soon()))
            .hasMessageContaining("waits for a migration already");
      } else {
        assertThatThrownBy(() -> monitor.migrateIncoming(uri(), soon()))
            .hasMessageContaining("has to be started anew");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDestinationFedWithNonsenseSaysWhyOrIsGone(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor monitor = qemu.monitor()) {
      monitor.migrateIncoming(uri(), soon());
      try (SocketChannel channel = connect()) {
        channel.write(ByteBuffer.wrap("no migration".getBytes(StandardCharsets.US_ASCII)));
      }
      if (monitor.keepsFailedDestination()) {
        MigrationStatus failed = monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon());
        assertThat(failed.state()).isEqualTo(MigrationState.FAILED);
        assertThat(failed.error()).isPresent();
      } else {
        assertThatThrownBy(() -> monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon()))
            .isInstanceOf(QmpException.Gone.class)
            .hasMessage("The QEMU at %s has ended".formatted(qemu.socket()));
      }
    }
  }

  private SocketChannel connect() throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(dir.resolve("migration")));
  }

  /**
   * A silent multifd connection makes the main loop of a destination wait for its first bytes: the
   * first connection of 10.0, the second of 7.2.
   */
  @ParameterizedTest
  @EnumSource
  void noticesAStuckMainLoopAndYanksItFree(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-incoming", "defer");
        QemuMonitor monitor = qemu.monitor()) {
      set(monitor, "multifd");
      monitor.migrateIncoming(uri(), soon());
      try (SocketChannel main = connect();
          SocketChannel second = release == Release.V7_2 ? connect() : main) {
        assertThat(second.isOpen()).isTrue();
        QmpException.MainLoopStuck stuck = untilStuck(monitor);
        assertThat(stuck)
            .hasMessageMatching(
                "QEMU at \\S+ has not answered query-status for \\d+ m?s although its monitor"
                    + " thread answers: its main loop is stuck");
        assertThat(monitor.yankMigration(soon())).isTrue();
        if (release == Release.V7_2) {
          assertThat(monitor.status(soon()).state()).isEqualTo(RunStatus.State.INMIGRATE);
        } else {
          assertThat(monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, soon()).state())
              .isEqualTo(MigrationState.FAILED);
        }
      }
    }
  }

  private static QmpException.MainLoopStuck untilStuck(QemuMonitor monitor) throws QmpException {
    Deadline deadline = soon();
    while (!deadline.hasPassed()) {
      try {
        monitor.status(Deadline.after(Duration.ofMillis(300)));
      } catch (QmpException.MainLoopStuck e) {
        return e;
      }
    }
    throw new AssertionError("The main loop did not get stuck");
  }

  @ParameterizedTest
  @EnumSource
  void tellsAStoppedProcessFromAStuckMainLoop(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      qemu.signal("STOP");
      try {
        assertThatThrownBy(() -> monitor.status(Deadline.after(Duration.ofMillis(200))))
            .isInstanceOf(QmpException.TimedOut.class)
            .hasMessageEndingWith("nor does its monitor thread answer: it is stopped or starved");
      } finally {
        qemu.signal("CONT");
      }
      assertThat(monitor.status(soon()).state()).isEqualTo(RunStatus.State.PRELAUNCH);
    }
  }

  @ParameterizedTest
  @EnumSource
  void noticesThatItsQemuHasEnded(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor();
        QemuEvents events = monitor.events()) {
      monitor.quit(soon());
      assertThat(events.next(soon()))
          .get()
          .isInstanceOfSatisfying(
              QemuEvent.Shutdown.class,
              shutdown -> {
                assertThat(shutdown.byGuest()).isFalse();
                assertThat(shutdown.reason()).isEqualTo("host-qmp-quit");
              });
      assertThatThrownBy(() -> events.next(soon())).isInstanceOf(QmpException.Gone.class);
    }
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor();
        QemuEvents events = monitor.events()) {
      qemu.kill();
      assertThatThrownBy(() -> events.next(soon())).isInstanceOf(QmpException.Gone.class);
      assertThatThrownBy(() -> monitor.status(soon())).isInstanceOf(QmpException.Gone.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void saysThatAnotherClientHoldsTheMonitor(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor holder = qemu.monitor()) {
      // Two wait in QEMU's backlog; for the next ones there is no room even there.
      for (int i = 0; i < 4; i++) {
        assertThatThrownBy(
                () ->
                    QmpClient.connect(qemu.socket(), Deadline.after(Duration.ofMillis(150)))
                        .close())
            .isInstanceOf(QmpException.Busy.class)
            .hasMessageContaining("another client probably holds it");
      }
      assertThat(holder.status(soon()).running()).isFalse();
    }
  }
}
