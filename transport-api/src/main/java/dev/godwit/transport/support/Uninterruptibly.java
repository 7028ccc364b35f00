package dev.godwit.transport.support;

/** Waits as the seam does: an interrupt ends no wait, and is still set afterwards. */
public final class Uninterruptibly {
  private Uninterruptibly() {}

  /** Returns when {@code thread} has ended, or was never started. */
  public static void join(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    restore(interrupted);
  }

  /**
   * Waits to be notified, or until an interrupt, which it takes away; the caller holds the monitor
   * and looks again. Allocates nothing, where a condition's queue would.
   *
   * @return whether there was an interrupt, to {@link #restore} behind the last wait
   */
  @SuppressWarnings("WaitNotInLoop") // The caller's, with the state that it waits for.
  public static boolean await(Object monitor) {
    try {
      monitor.wait();
      return false;
    } catch (InterruptedException e) {
      return true;
    }
  }

  /** Sets the interrupt again. */
  public static void restore(boolean interrupted) {
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
