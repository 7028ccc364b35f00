package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The figures of a migration are those of the wire, and only grow. */
@Timeout(60)
final class EngineStatisticsTest {
  private static final LabSpec SPEC =
      LabSpec.of(8 << 20, DirtyShape.HOT_SET, 1_000).withHuge(4 << 20);

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"multifd=off", "multifd-channels=3", "multifd-compression=zstd"})
  void theSumOverAllChannelsIsWhatTheWireCarried(String setting) throws Exception {
    EngineParameters parameters = Ends.parameters();
    if (!setting.equals("multifd=off")) {
      String[] parts = setting.split("=");
      parameters = parameters.with(Map.of("multifd", "on", parts[0], parts[1]));
    }
    try (LabGuest from = LabGuest.create(SPEC);
        LabGuest to = LabGuest.empty(SPEC);
        Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse("tcp:127.0.0.1:0"));
        Relay relay = Relay.to(listener.local());
        Dialer dialer = Ends.TRANSPORTS.dialer(relay.address())) {
      from.resume();
      try (Ends ends = Ends.of(from, to, listener, dialer, false, parameters, parameters)) {
        ends.migrate();
        relay.awaitEnd();
        MigrationStatistics source = ends.source().statistics();
        assertThat(source.wireBytes()).isEqualTo(relay.bytes());
        assertThat(source.mainBytes() + source.multifdBytes()).isEqualTo(source.wireBytes());
        assertThat(source.channelBytes()).hasSize(relay.connections());
        assertThat(ends.destination().statistics().mainBytes()).isEqualTo(source.mainBytes());
        assertThat(source.normalBytes() + source.zeroBytes())
            .isGreaterThanOrEqualTo(source.ramTotalBytes());
        assertThat(source.ramTotalBytes()).isEqualTo(SPEC.ramBytes() + SPEC.hugeBytes());
        assertThat(source.ramRemainingBytes()).isZero();
        assertThat(source.deviceBytes()).isPositive();
        assertThat(source.downtimeSeconds()).isPositive().isLessThan(source.totalSeconds());
        assertThat(source.setupSeconds()).isPositive().isLessThan(source.totalSeconds());
      }
    }
  }

  @Test
  void whatItSaysOnlyGrowsWhileItRuns() throws Exception {
    EngineParameters parameters =
        Ends.parameters("multifd", "max-bandwidth=20000000", "downtime-limit=100");
    try (LabGuest from = LabGuest.create(SPEC);
        LabGuest to = LabGuest.empty(SPEC)) {
      from.resume();
      try (Ends ends = Ends.of(from, to, Way.TCP, directory, parameters)) {
        assertThat(ends.source().statistics()).isEqualTo(before(parameters));
        Task<Optional<MigrationException>> task = ends.start();
        MigrationStatistics last = ends.source().statistics();
        long looks = 0;
        while (!task.isDone()) {
          MigrationStatistics now = ends.source().statistics();
          assertThat(now.wireBytes()).isGreaterThanOrEqualTo(last.wireBytes());
          assertThat(now.normalBytes()).isGreaterThanOrEqualTo(last.normalBytes());
          assertThat(now.zeroBytes()).isGreaterThanOrEqualTo(last.zeroBytes());
          assertThat(now.totalSeconds()).isGreaterThanOrEqualTo(last.totalSeconds());
          assertThat(now.downtimeSeconds()).isGreaterThanOrEqualTo(last.downtimeSeconds());
          assertThat(now.ramRemainingBytes()).isBetween(0L, now.ramTotalBytes());
          last = now;
          looks++;
        }
        assertThat(task.result()).isEmpty();
        assertThat(looks).isPositive();
        MigrationStatistics ended = ends.source().statistics();
        assertThat(ends.source().state()).isEqualTo(SourceState.COMPLETED);
        assertThat(ends.source().statistics()).isEqualTo(ended);
      }
    }
  }

  private static MigrationStatistics before(EngineParameters parameters) {
    MigrationStatistics none = MigrationStatistics.none(0);
    return new MigrationStatistics(
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        none.channelBytes(),
        0,
        0,
        parameters.maxBandwidthBytesPerSecond());
  }

  @Test
  void noPageIsSentTwiceInAPass() throws Exception {
    LabSpec idle = LabSpec.of(8 << 20, DirtyShape.IDLE, 0);
    for (String setting : List.of("multifd=off", "multifd=on")) {
      try (LabGuest from = LabGuest.create(idle);
          LabGuest to = LabGuest.empty(idle);
          Ends ends = Ends.of(from, to, Way.DIRECT, directory, Ends.parameters(setting))) {
        from.resume();
        ends.migrate();
        MigrationStatistics all = ends.source().statistics();
        assertThat(all.normalBytes() + all.zeroBytes()).isEqualTo(all.ramTotalBytes());
      }
    }
  }
}
