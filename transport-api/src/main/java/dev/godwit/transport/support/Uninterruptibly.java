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
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
