package dev.godwit.transport;

import java.time.Duration;

/**
 * A moment on the monotonic clock after which a caller no longer waits. Immutable; hand it down
 * unchanged through all steps of one wait.
 */
public final class Deadline {
  /** 146 years: beyond every wait, and its half of the clock's range still compares rightly. */
  private static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE / 2);

  private static final Deadline NEVER = new Deadline(0, false);

  private final long atNanos;
  private final boolean bounded;

  private Deadline(long atNanos, boolean bounded) {
    this.atNanos = atNanos;
    this.bounded = bounded;
  }

  /** A deadline {@code wait} from now; zero or negative has passed already. */
  public static Deadline after(Duration wait) {
    Duration bounded = wait.compareTo(LONGEST) > 0 ? LONGEST : wait;
    long nanos = bounded.isNegative() ? 0 : bounded.toNanos();
    return new Deadline(System.nanoTime() + nanos, true);
  }

  /** No deadline: whoever takes it must be able to be aborted in another way. */
  public static Deadline never() {
    return NEVER;
  }

  public boolean isBounded() {
    return bounded;
  }

  public boolean hasPassed() {
    return bounded && remainingNanos() == 0;
  }

  /** What is left in nanoseconds, 0 once it has passed, {@link Long#MAX_VALUE} if unbounded. */
  public long remainingNanos() {
    return bounded ? Math.max(0, atNanos - System.nanoTime()) : Long.MAX_VALUE;
  }

  /**
   * What is left in milliseconds, rounded up so that a wait of this length does not end before the
   * deadline.
   */
  public long remainingMillis() {
    if (!bounded) {
      return Long.MAX_VALUE;
    }
    return (remainingNanos() + 999_999) / 1_000_000;
  }

  @Override
  public String toString() {
    return bounded ? "in " + remainingMillis() + " ms" : "never";
  }
}
