package dev.godwit.migration.engine;

import java.time.Duration;
import java.util.Locale;

/**
 * Judges after each pass over memory whether what is left can be sent within the downtime limit. It
 * has no clock of its own: whoever makes the passes measures them. One thread tells of passes, any
 * thread may ask.
 *
 * <p>Bandwidth counts the time of sending alone. Collecting what the guest changed takes time in
 * which nothing is sent, and the more of it the larger the guest, so that a bandwidth over all of
 * the time would be too low for ever.
 */
public final class Convergence {
  /** A pass that sent less than this in less than {@link #SHORT} says nothing of the bandwidth. */
  static final long SMALL = 1 << 20;

  static final Duration SHORT = Duration.ofMillis(100);

  /** More than any migration takes: what stands for a time that cannot be told. */
  private static final Duration NEVER = Duration.ofDays(36_500);

  private static final double NANOS = 1e9;

  private volatile Pass last = new Pass(0, 0, 0, 0, 0);
  private volatile Duration fixedCost = Duration.ZERO;

  /**
   * What the last pass told.
   *
   * @param number of passes so far
   * @param bandwidth in bytes per second, perhaps of an earlier pass; 0 if there is none
   * @param dirtyRate in bytes per second
   * @param sendSeconds of this pass
   * @param remainingBytes at its end
   */
  private record Pass(
      int number, double bandwidth, double dirtyRate, double sendSeconds, long remainingBytes) {}

  /**
   * A pass has ended, and what the guest changed meanwhile has been collected.
   *
   * @param bytesSent guest memory, without pages that went as a mark because they are zero: those
   *     cost next to nothing, and what is left need not be such
   * @param passTime of all of the pass
   * @param syncTime the part of it in which the guest's dirty log was collected
   * @param remainingBytes that have to be sent now
   * @param dirtiedBytes that the guest changed during the pass
   */
  public void passEnded(
      long bytesSent,
      Duration passTime,
      Duration syncTime,
      long remainingBytes,
      long dirtiedBytes) {
    Duration sendTime = passTime.minus(syncTime);
    double sendSeconds = Math.max(seconds(sendTime), 1 / NANOS);
    double passSeconds = Math.max(seconds(passTime), 1 / NANOS);
    Pass before = last;
    boolean tells =
        bytesSent > 0
            && (bytesSent >= SMALL || sendTime.compareTo(SHORT) >= 0 || before.bandwidth == 0);
    last =
        new Pass(
            before.number + 1,
            tells ? bytesSent / sendSeconds : before.bandwidth,
            dirtiedBytes / passSeconds,
            sendSeconds,
            remainingBytes);
  }

  /**
   * Sets what a downtime holds beside memory, such as the state of devices and the destination's
   * last answer.
   */
  public void fixedCost(Duration cost) {
    fixedCost = cost;
  }

  /** How many passes have ended. */
  public int passes() {
    return last.number;
  }

  /** How fast guest memory was sent, in bytes per second; 0 before anything was. */
  public double bandwidth() {
    return last.bandwidth;
  }

  /** How fast the guest changed memory during the last pass, in bytes per second. */
  public double dirtyRate() {
    return last.dirtyRate;
  }

  /** What has to be sent, as of the end of the last pass. */
  public long remainingBytes() {
    return last.remainingBytes;
  }

  /**
   * How long the guest would be paused if the last pass began now; a hundred years before any pass
   * has ended.
   */
  public Duration expectedDowntime() {
    Pass pass = last;
    if (pass.number == 0) {
      return NEVER;
    }
    double seconds;
    if (pass.remainingBytes == 0) {
      seconds = 0;
    } else if (pass.bandwidth == 0) {
      // All that was found so far was zero, and the next pass may be expected to be like it.
      seconds = pass.sendSeconds;
    } else {
      seconds = pass.remainingBytes / pass.bandwidth;
    }
    return seconds >= seconds(NEVER)
        ? NEVER
        : Duration.ofNanos(Math.round(Math.ceil(seconds * NANOS))).plus(fixedCost);
  }

  /**
   * Whether the guest may be paused for the last pass. It may where nothing remains, whatever the
   * limit: another pass could make nothing better.
   */
  public boolean converged(Duration limit) {
    Pass pass = last;
    return pass.number > 0
        && (pass.remainingBytes == 0 || expectedDowntime().compareTo(limit) <= 0);
  }

  /** Where it stands, as the end of a sentence that says that a migration does not converge. */
  public String standing() {
    Pass pass = last;
    return String.format(
        Locale.ROOT,
        "after %d pass%s %.1f MB remain, the guest dirties %.1f MB/s and %.1f MB/s are sent",
        pass.number,
        pass.number == 1 ? "" : "es",
        pass.remainingBytes / 1e6,
        pass.dirtyRate / 1e6,
        pass.bandwidth / 1e6);
  }

  private static double seconds(Duration duration) {
    return duration.toNanos() / NANOS;
  }
}
