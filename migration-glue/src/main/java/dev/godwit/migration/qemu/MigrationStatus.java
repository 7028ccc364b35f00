package dev.godwit.migration.qemu;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What {@code query-migrate} said at one moment, in bytes and durations. QEMU leaves out what it
 * does not know in a state, so nearly all of it is optional.
 *
 * @param state where the migration stands
 * @param stateName QEMU's own word for that, {@code none} if it gave none
 * @param error QEMU's reason for a failure, which 10.0 also gives for a cancelled migration
 * @param blockers why this QEMU cannot migrate at all at present
 * @param times how long its parts took
 * @param ram how far guest memory is; absent before the state is active and after a failure
 * @param xbzrle what xbzrle achieves, where it is on
 * @param compression what the capability compress achieves, where it is on
 * @param vfioBytes the state of VFIO devices sent so far, 0 without any
 * @param cpuThrottlePercent how much of the vCPUs' time is taken away, where they are throttled
 * @param listening the URIs a destination listens on, with the real port
 */
public record MigrationStatus(
    MigrationState state,
    String stateName,
    Optional<String> error,
    List<String> blockers,
    Times times,
    Optional<RamProgress> ram,
    Optional<Xbzrle> xbzrle,
    Optional<Compression> compression,
    long vfioBytes,
    OptionalInt cpuThrottlePercent,
    List<String> listening) {

  public MigrationStatus {
    blockers = List.copyOf(blockers);
    listening = List.copyOf(listening);
  }

  /** Nothing more happens by itself: completed, failed or cancelled. */
  public boolean isFinal() {
    return state.isFinal();
  }

  /**
   * How long the parts of a migration took; QEMU counts whole milliseconds.
   *
   * @param total since the start, or in all
   * @param setup before the first pass
   * @param downtime how long the guest was paused at the source, once that is known
   * @param expectedDowntime how long it would be paused by present rates, until then
   * @param postcopyBlocked how long all vCPUs together waited for pages, at a destination with
   *     postcopy-blocktime
   */
  public record Times(
      Optional<Duration> total,
      Optional<Duration> setup,
      Optional<Duration> downtime,
      Optional<Duration> expectedDowntime,
      Optional<Duration> postcopyBlocked) {}

  /**
   * @param cacheBytes the size of the cache
   * @param sentBytes what was sent as differences
   * @param pages pages sent as differences
   * @param misses pages that were not in the cache
   * @param overflows pages whose difference was longer than the page
   */
  public record Xbzrle(long cacheBytes, long sentBytes, long pages, long misses, long overflows) {}

  /**
   * @param pages pages that were compressed
   * @param compressedBytes what they came to
   * @param busy how often no thread was free
   */
  public record Compression(long pages, long compressedBytes, long busy) {}
}
