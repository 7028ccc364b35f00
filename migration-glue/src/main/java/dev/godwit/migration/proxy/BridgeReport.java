package dev.godwit.migration.proxy;

import java.util.Locale;

/**
 * What it has cost to carry a guest whose memory changes unseen.
 *
 * @param ramBytes of the guest; a bridge keeps them twice
 * @param rounds in which memory came
 * @param compares how often all of it was compared with what had been sent
 * @param compareSeconds what that took, together with sending what had changed
 * @param downtimeSeconds from the arrival of the last memory until what had changed was handed on,
 *     while the guest runs nowhere; 0 if it did not come to that
 */
public record BridgeReport(
    long ramBytes, long rounds, long compares, double compareSeconds, double downtimeSeconds) {

  /** Added downtime in seconds a GiB of the guest's memory. */
  public double downtimeSecondsPerGib() {
    return ramBytes == 0 ? 0 : downtimeSeconds * (1L << 30) / ramBytes;
  }

  /** One compare in seconds a GiB of the guest's memory. */
  public double compareSecondsPerGib() {
    return ramBytes == 0 || compares == 0 ? 0 : compareSeconds / compares * (1L << 30) / ramBytes;
  }

  /** For people. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%,d B of memory kept twice, compared %d times in %d rounds: %.3f s (%.3f s a GiB each);"
            + " added to the downtime: %.3f s (%.3f s a GiB)",
        ramBytes,
        compares,
        rounds,
        compareSeconds,
        compareSecondsPerGib(),
        downtimeSeconds,
        downtimeSecondsPerGib());
  }
}
