package dev.godwit.transport.testkit;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Waits for a condition under a deadline, and says what it saw if that never came. */
public final class Await {
  /**
   * How many times slower than a real machine this one may be, by the system property {@code
   * godwit.slowness}: emulated ones are. Limits on what a machine takes are multiplied by it.
   */
  public static final int SLOWNESS = Math.max(1, Integer.getInteger("godwit.slowness", 1));

  /** Longer than anything in a test takes on a busy machine, short enough for a gate. */
  public static final Duration LIMIT = Duration.ofSeconds(20L * SLOWNESS);

  private static final long STEP_NANOS = 1_000_000;

  private Await() {}

  /** Returns once {@code condition} holds. */
  public static void until(String what, Callable<Boolean> condition) {
    until(what, condition, () -> "");
  }

  /**
   * Returns once {@code condition} holds.
   *
   * @param evidence what to say if it never did
   */
  public static void until(String what, Callable<Boolean> condition, Supplier<String> evidence) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!holds(condition)) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError(
            "Waited " + LIMIT.toSeconds() + " s in vain: " + what + " " + evidence.get());
      }
      LockSupport.parkNanos(STEP_NANOS);
    }
  }

  private static boolean holds(Callable<Boolean> condition) {
    try {
      return condition.call();
    } catch (Exception e) {
      throw new AssertionError("The condition itself failed", e);
    }
  }
}
