package dev.godwit.migration.engine;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * How far a migration is and how it goes, at either side. There are the same fields in every state:
 * what is not known yet, or not known at this side, is 0. All numbers are bytes, seconds, and bytes
 * per second.
 *
 * @param totalSeconds since the migration began, or that it took
 * @param setupSeconds until the first page was sent
 * @param downtimeSeconds that the guest was paused
 * @param expectedDowntimeSeconds that it would be paused if the last pass began now
 * @param syncSeconds spent in collecting what the guest changed
 * @param passSeconds that the last whole pass took, without that
 * @param ramTotalBytes all guest memory
 * @param ramRemainingBytes guest memory that has to be sent, or sent again
 * @param normalBytes guest memory that went as it is, or compressed
 * @param zeroBytes guest memory that went as a mark because it is all zero
 * @param deviceBytes the state of devices, as it is in the stream
 * @param channelBytes what each channel has carried, in both directions, by name: {@code main},
 *     {@code multifd 0}
 * @param dirtyBytesPerSecond how fast the guest changed memory during the last pass
 * @param bandwidthBytesPerSecond how fast the last pass was sent
 * @param maxBandwidthBytesPerSecond the limit, 0 for none
 */
public record MigrationStatistics(
    double totalSeconds,
    double setupSeconds,
    double downtimeSeconds,
    double expectedDowntimeSeconds,
    double syncSeconds,
    double passSeconds,
    long ramTotalBytes,
    long ramRemainingBytes,
    long normalBytes,
    long zeroBytes,
    long deviceBytes,
    SortedMap<String, Long> channelBytes,
    double dirtyBytesPerSecond,
    double bandwidthBytesPerSecond,
    long maxBandwidthBytesPerSecond) {

  /** The name of the channel that every migration has. */
  public static final String MAIN = "main";

  public MigrationStatistics {
    channelBytes = Collections.unmodifiableSortedMap(new TreeMap<>(channelBytes));
  }

  /** Of a migration that has done nothing yet. */
  public static MigrationStatistics none(long ramTotalBytes) {
    return new MigrationStatistics(
        0, 0, 0, 0, 0, 0, ramTotalBytes, 0, 0, 0, 0, Collections.emptySortedMap(), 0, 0, 0);
  }

  /** Guest memory that was sent, each page as often as it went. */
  public long ramBytes() {
    return normalBytes + zeroBytes;
  }

  /** What all channels together have carried. */
  public long wireBytes() {
    return channelBytes.values().stream().mapToLong(Long::longValue).sum();
  }

  /** What the main channel has carried. */
  public long mainBytes() {
    return channelBytes.getOrDefault(MAIN, 0L);
  }

  /** What all channels but the main one have carried. */
  public long multifdBytes() {
    return wireBytes() - mainBytes();
  }
}
