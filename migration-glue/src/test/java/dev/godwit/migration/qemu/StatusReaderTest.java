package dev.godwit.migration.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** Answers as real QEMUs gave them, and what they come to. */
final class StatusReaderTest {
  private static final QemuVersion V7 = new QemuVersion(7, 2, 22, "");
  private static final QemuVersion V10 = new QemuVersion(10, 0, 2, "");

  private static MigrationStatus read(QemuVersion version, String json) {
    return StatusReader.read(JsonMapper.shared().readTree(json), version);
  }

  @Test
  void readsACompletedMigrationOf72() {
    MigrationStatus status =
        read(
            V7,
            """
            {"compression": {"compression-rate": 0, "busy": 3, "compressed-size": 268659,
             "pages": 129, "busy-rate": 0},
             "xbzrle-cache": {"encoding-rate": 0, "bytes": 237, "cache-size": 67108864,
             "cache-miss-rate": 0, "pages": 4, "overflow": 1, "cache-miss": 71},
             "status": "completed", "setup-time": 11, "downtime": 8, "total-time": 151,
             "ram": {"total": 34086912, "postcopy-requests": 2, "dirty-sync-count": 4,
             "multifd-bytes": 5, "pages-per-second": 66894, "downtime-bytes": 269,
             "page-size": 4096, "remaining": 0, "postcopy-bytes": 6, "mbps": 43.428914285714285,
             "transferred": 648073, "dirty-sync-missed-zero-copy": 7, "precopy-bytes": 647804,
             "duplicate": 8280, "dirty-pages-rate": 10, "skipped": 0, "normal-bytes": 303104,
             "normal": 74}}
            """);
    assertThat(status.state()).isEqualTo(MigrationState.COMPLETED);
    assertThat(status.isFinal()).isTrue();
    assertThat(status.times())
        .isEqualTo(
            new MigrationStatus.Times(
                Optional.of(Duration.ofMillis(151)),
                Optional.of(Duration.ofMillis(11)),
                Optional.of(Duration.ofMillis(8)),
                Optional.empty(),
                Optional.empty()));
    RamProgress ram = status.ram().orElseThrow();
    assertThat(ram)
        .isEqualTo(
            new RamProgress(
                648073,
                RamProgress.Counted.MEMORY,
                0,
                34086912,
                4,
                40960,
                5428614,
                66894,
                4096,
                74,
                8280,
                647804,
                269,
                6,
                5,
                2,
                7));
    assertThat(ram.normalBytes()).isEqualTo(303104);
    assertThat(status.xbzrle()).contains(new MigrationStatus.Xbzrle(67108864, 237, 4, 71, 1));
    assertThat(status.compression()).contains(new MigrationStatus.Compression(129, 268659, 3));
  }

  @Test
  void readsARunningMigrationOf100() {
    MigrationStatus status =
        read(
            V10,
            """
            {"expected-downtime": 300, "status": "active", "setup-time": 16, "total-time": 24,
             "cpu-throttle-percentage": 30, "vfio": {"transferred": 99},
             "ram": {"total": 34086912, "postcopy-requests": 0, "dirty-sync-count": 1,
             "multifd-bytes": 0, "pages-per-second": 0, "downtime-bytes": 0, "page-size": 4096,
             "remaining": 17043456, "postcopy-bytes": 0, "mbps": -1, "transferred": 205,
             "dirty-sync-missed-zero-copy": 0, "precopy-bytes": 129111, "duplicate": 208,
             "dirty-pages-rate": 0, "normal-bytes": 126976, "normal": 31}}
            """);
    assertThat(status.state().isUnderWay()).isTrue();
    assertThat(status.times().expectedDowntime()).contains(Duration.ofMillis(300));
    assertThat(status.times().downtime()).isEmpty();
    assertThat(status.cpuThrottlePercent()).hasValue(30);
    assertThat(status.vfioBytes()).isEqualTo(99);
    RamProgress ram = status.ram().orElseThrow();
    assertThat(ram.counted()).isEqualTo(RamProgress.Counted.WIRE);
    assertThat(ram.bytesPerSecond()).isZero();
    assertThat(ram.cleanShare()).isEqualTo(0.5);
  }

  @Test
  void readsWhatLittleThereIsBeforeAndAfter() {
    MigrationStatus nothing = read(V7, "{}");
    assertThat(nothing.state()).isEqualTo(MigrationState.NONE);
    assertThat(nothing.stateName()).isEqualTo("none");
    assertThat(nothing.state().isUnderWay()).isFalse();
    assertThat(nothing.ram()).isEmpty();

    MigrationStatus failed =
        read(
            V10,
            """
            {"status": "failed", "error-desc": "Channel error", "blocked-reasons": ["a", "b"]}
            """);
    assertThat(failed.error()).contains("Channel error");
    assertThat(failed.blockers()).containsExactly("a", "b");

    MigrationStatus newer = read(V10, "{\"status\": \"teleporting\"}");
    assertThat(newer.state()).isEqualTo(MigrationState.UNKNOWN);
    assertThat(newer.stateName()).isEqualTo("teleporting");
    assertThat(newer.isFinal()).isFalse();
  }

  @Test
  void wordsAddressesAsUris() {
    assertThat(
            read(
                    V7,
                    """
                    {"socket-address": [
                     {"port": "37237", "ipv4": true, "host": "127.0.0.1", "type": "inet"},
                     {"port": "1", "host": "::1", "type": "inet"},
                     {"path": "/m", "type": "unix"},
                     {"cid": "3", "port": "4", "type": "vsock"},
                     {"str": "mig", "type": "fd"}]}
                    """)
                .listening())
        .containsExactly("tcp:127.0.0.1:37237", "tcp:[::1]:1", "unix:/m", "vsock:3:4", "fd:mig");
  }

  @Test
  void survivesCountersOutOfRange() {
    RamProgress ram =
        read(
                new QemuVersion(8, 2, 0, ""),
                "{\"ram\": {\"total\": 18446744073709551615, \"page-size\": 0, \"mbps\": \"x\"}}")
            .ram()
            .orElseThrow();
    assertThat(ram.totalBytes()).isZero();
    assertThat(ram.cleanShare()).isZero();
    assertThat(ram.counted()).isEqualTo(RamProgress.Counted.UNKNOWN);
  }
}
