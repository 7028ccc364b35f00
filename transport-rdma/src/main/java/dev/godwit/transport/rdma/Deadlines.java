package dev.godwit.transport.rdma;

import dev.godwit.transport.Deadline;
import java.time.Duration;

/** Parts of a wait. */
final class Deadlines {
  /** How often somebody looks who cannot be told. */
  static final Duration STEP = Duration.ofMillis(50);

  /** For a look that does not wait. */
  static final Deadline PASSED = Deadline.after(Duration.ZERO);

  private Deadlines() {}

  /** {@code deadline}, or so long from now if that is sooner. */
  static Deadline sooner(Deadline deadline, Duration wait) {
    return deadline.remainingNanos() <= wait.toNanos() ? deadline : Deadline.after(wait);
  }

  /** What is left in milliseconds, for a call that takes an int; at least 1, at most a minute. */
  static int millis(Deadline deadline) {
    return Math.clamp(deadline.remainingMillis(), 1, 60_000);
  }
}
