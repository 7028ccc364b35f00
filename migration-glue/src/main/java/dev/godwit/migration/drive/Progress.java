package dev.godwit.migration.drive;

import dev.godwit.migration.qemu.MigrationState;
import java.time.Duration;
import java.util.Optional;

/**
 * How far a migration is at one moment.
 *
 * @param state by the QEMU that is driven
 * @param share of memory that is clean, 0 to 1; at a destination, where QEMU does not say, absent
 * @param bytes that have crossed towards the destination on all channels
 * @param bytesPerSecond over the last second
 * @param dirtyBytesPerSecond how fast the guest dirties memory, once a pass has told
 * @param expectedDowntime by present rates
 * @param pass 1 is the pass over all memory; 0 before
 */
public record Progress(
    MigrationState state,
    Optional<Double> share,
    long bytes,
    long bytesPerSecond,
    long dirtyBytesPerSecond,
    Optional<Duration> expectedDowntime,
    long pass) {}
