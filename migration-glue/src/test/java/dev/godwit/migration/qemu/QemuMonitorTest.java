package dev.godwit.migration.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.migration.qmp.FakeQmp;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What real QEMUs cannot be made to do in a test. */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class QemuMonitorTest {
  @TempDir Path dir;

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }

  /** A QEMU with three capabilities of which multifd is on. */
  private static void answerSettings(FakeQmp.Connection c) throws java.io.IOException {
    c.reply(
        c.expect("query-migrate-capabilities"),
        "[{\"capability\": \"multifd\", \"state\": true}, {\"capability\": \"xbzrle\", \"state\":"
            + " false}, {\"capability\": \"of-tomorrow\", \"state\": true}]");
    c.reply(
        c.expect("query-migrate-parameters"),
        "{\"downtime-limit\": 300, \"max-bandwidth\": 18446744073709551615, \"of-tomorrow\": {},"
            + " \"block-bitmap-mapping\": []}");
  }

  @Test
  void changesOffThenValuesThenOnAndUndoesItIfQemuRefuses() throws Exception {
    List<String> log = new CopyOnWriteArrayList<>();
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  answerSettings(c);
                  for (int i = 0; i < 6; i++) {
                    JsonNode command = c.read();
                    log.add(command.path("execute").asString("") + " " + command.path("arguments"));
                    if (i == 2) {
                      c.refuse(command, "GenericError", "not today");
                    } else {
                      c.reply(command, "{}");
                    }
                  }
                  c.fallSilent();
                });
        QemuMonitor monitor = QemuMonitor.connect(fake.path(), soon())) {
      MigrationSettings settings =
          MigrationSettings.parse(
              List.of("xbzrle", "multifd=off", "max-bandwidth=1M", "downtime-limit=300"));
      assertThatThrownBy(() -> monitor.apply(settings, soon()))
          .isInstanceOf(QmpException.Refused.class)
          .hasMessage("QEMU refused migrate-set-capabilities: not today")
          .satisfies(e -> assertThat(e.getSuppressed()).isEmpty());
      String capabilities =
          "migrate-set-capabilities {\"capabilities\":[{\"capability\":\"%s\",\"state\":%s}]}";
      assertThat(log)
          .containsExactly(
              capabilities.formatted("multifd", "false"),
              "migrate-set-parameters {\"max-bandwidth\":1048576}",
              capabilities.formatted("xbzrle", "true"),
              capabilities.formatted("xbzrle", "false"),
              "migrate-set-parameters {\"max-bandwidth\":18446744073709551615}",
              capabilities.formatted("multifd", "true"));
    }
  }

  @Test
  void doesNothingWhereNothingChanges() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  answerSettings(c);
                  c.reply(c.expect("query-status"), "{\"status\": \"colo\", \"running\": true}");
                  c.fallSilent();
                });
        QemuMonitor monitor = QemuMonitor.connect(fake.path(), soon())) {
      SavedSettings saved =
          monitor.apply(MigrationSettings.parse(List.of("multifd", "downtime-limit=300")), soon());
      assertThat(saved.isEmpty()).isTrue();
      monitor.restore(saved, soon());
      assertThat(monitor.status(soon()))
          .isEqualTo(new RunStatus(RunStatus.State.OTHER, "colo", true));
    }
  }

  @Test
  void anUnansweredCommandOfAQemuThatThenEndsIsReportedAsItsEnd() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.expect("query-migrate");
                  c.expect("query-yank");
                });
        QemuMonitor monitor = QemuMonitor.connect(fake.path(), soon())) {
      fake.stopListening();
      assertThatThrownBy(() -> monitor.queryMigrate(Deadline.after(Duration.ofMillis(50))))
          .isInstanceOf(QmpException.Gone.class);
    }
  }

  @Test
  void withoutOutOfBandAnUnansweredCommandIsJustThat() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.send("{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9, \"minor\": 1}}}}\n");
                  c.reply(c.expect("qmp_capabilities"), "{}");
                  JsonNode incoming = c.expect("migrate-incoming");
                  assertThat(incoming.path("arguments").path("exit-on-error").isBoolean()).isTrue();
                  c.reply(incoming, "{}");
                  c.fallSilent();
                });
        QemuMonitor monitor = QemuMonitor.connect(fake.path(), soon())) {
      assertThat(monitor.outOfBand()).isFalse();
      assertThat(monitor.version()).isEqualTo(new QemuVersion(9, 1, 0, ""));
      monitor.migrateIncoming("unix:/m", soon());
      assertThatThrownBy(() -> monitor.queryMigrate(Deadline.after(Duration.ofMillis(50))))
          .isInstanceOf(QmpException.TimedOut.class)
          .hasMessageContaining("has not answered query-migrate for");
    }
  }
}
