package dev.godwit.channel.session;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What one rail has carried over all its links; under the session's lock. */
final class RailAccount {
  private final int number;
  private String address;
  private @Nullable Link link;
  private int losses;
  private long sent;
  private long received;
  private Optional<Long> roundTripNanos = Optional.empty();

  RailAccount(int number, String address) {
    this.number = number;
    this.address = address;
  }

  void joined(Link now) {
    link = now;
    address = now.address();
  }

  /** Notes the end of a link; it may be an earlier one than the rail's present. */
  void lost(Link gone) {
    losses++;
    if (link == gone) {
      roundTripNanos = gone.roundTripNanos();
      link = null;
    }
  }

  void carried(long sentBytes, long receivedBytes) {
    sent += sentBytes;
    received += receivedBytes;
  }

  RailStats stats() {
    Optional<Long> nanos = link == null ? roundTripNanos : link.roundTripNanos();
    return new RailStats(
        number, address, link != null, losses, sent, received, nanos.map(Duration::ofNanos));
  }
}
