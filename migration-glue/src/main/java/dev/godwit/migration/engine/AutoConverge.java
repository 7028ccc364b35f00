package dev.godwit.migration.engine;

import java.util.OptionalInt;

/**
 * Decides how much of its processors' time a guest loses so that it changes less memory than is
 * sent, as QEMU does with {@code auto-converge}: whenever it changed more than {@code
 * throttle-trigger-threshold} percent of what was sent in two periods in a row, the next step is
 * taken, the first to {@code cpu-throttle-initial} and each further one by {@code
 * cpu-throttle-increment}, up to {@code max-cpu-throttle}. It throttles nobody itself and needs no
 * migration: any period with a number of bytes that were changed, and one that would be bearable,
 * will do. One thread.
 */
public final class AutoConverge {
  /** One period alone may be a burst. */
  private static final int PERIODS = 2;

  private final int initial;
  private final int increment;
  private final boolean tailslow;
  private final int max;
  private final int threshold;
  private int percent;
  private int high;

  /**
   * @param parameters of which the throttle's are used, whether {@code auto-converge} is on or not
   */
  public AutoConverge(EngineParameters parameters) {
    initial = parameters.cpuThrottleInitial();
    increment = parameters.cpuThrottleIncrement();
    tailslow = parameters.cpuThrottleTailslow();
    max = parameters.maxCpuThrottle();
    threshold = parameters.throttleTriggerThreshold();
  }

  /**
   * Judges a period, as a rule a pass that did not lead to convergence.
   *
   * @param dirtiedBytes that the guest changed in it
   * @param sentBytes that were sent in it
   * @return the new throttle in percent, or empty to leave it as it is
   */
  public OptionalInt next(long dirtiedBytes, long sentBytes) {
    double bearable = sentBytes / 100.0 * threshold;
    if (dirtiedBytes <= bearable) {
      high = 0;
      return OptionalInt.empty();
    }
    if (++high < PERIODS) {
      return OptionalInt.empty();
    }
    high = 0;
    int next = Math.min(max, percent == 0 ? initial : percent + step(dirtiedBytes, bearable));
    if (next == percent) {
      return OptionalInt.empty();
    }
    percent = next;
    return OptionalInt.of(next);
  }

  /** What the guest loses by now, in percent; 0 for nothing. */
  public int percent() {
    return percent;
  }

  /** Whether there is no further step. */
  public boolean isExhausted() {
    return percent >= max;
  }

  /** With a slow tail no more than would make the guest's rate bearable, if it follows its time. */
  private int step(long dirtiedBytes, double bearable) {
    if (!tailslow) {
      return increment;
    }
    int left = 100 - percent;
    int surplus = left - (int) (left * bearable / dirtiedBytes);
    return Math.clamp(surplus, 1, increment);
  }
}
