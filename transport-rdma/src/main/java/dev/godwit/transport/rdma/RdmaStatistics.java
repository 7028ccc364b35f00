package dev.godwit.transport.rdma;

import dev.godwit.transport.Peer;
import java.util.Optional;

/**
 * What registering memory for a migration has cost this side so far. The rings of its channels are
 * not counted.
 *
 * @param registrations how many parts of regions were registered
 * @param nanos spent in that, in nanoseconds
 * @param bytes registered now
 * @param mostBytes registered at most, at a time
 * @param evictions parts that were let go of to stay under a ceiling, at either end
 */
public record RdmaStatistics(
    long registrations, long nanos, long bytes, long mostBytes, long evictions) {

  /** That of {@code peer}, if it is one of {@code rdma:}. */
  public static Optional<RdmaStatistics> of(Peer peer) {
    return peer instanceof RdmaPeer here ? Optional.of(here.statistics()) : Optional.empty();
  }
}
