package dev.godwit.transport.support;

import dev.godwit.transport.Deadline;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock with one condition, whose waits end by a signal or at a deadline and never by an
 * interrupt, as the seam asks; an interrupt that came meanwhile is still set afterwards.
 */
public final class Monitor {
  private final ReentrantLock lock;
  private final Condition changed;

  /** How often there was a signal; under the lock. */
  private long signals;

  public Monitor() {
    this(new ReentrantLock());
  }

  private Monitor(ReentrantLock lock) {
    this.lock = lock;
    this.changed = lock.newCondition();
  }

  /** Another condition of the same lock: a signal of one wakes nobody who waits for the other. */
  public Monitor sibling() {
    return new Monitor(lock);
  }

  public void lock() {
    lock.lock();
  }

  public void unlock() {
    lock.unlock();
  }

  /** Wakes everybody who waits; the caller holds the lock. */
  public void signalAll() {
    signals++;
    changed.signalAll();
  }

  /** Waits for a signal; the caller holds the lock and checks its condition in a loop. */
  @SuppressWarnings("WaitNotInLoop") // The loop is the caller's.
  public void await() {
    changed.awaitUninterruptibly();
  }

  /** Waits for a signal or for {@code deadline}; false once that has passed. */
  @SuppressWarnings("WaitNotInLoop") // The loop is the caller's.
  public boolean await(Deadline deadline) {
    if (!deadline.isBounded()) {
      await();
      return true;
    }
    boolean interrupted = false;
    long before = signals;
    try {
      while (true) {
        long remaining = deadline.remainingNanos();
        if (remaining == 0) {
          return false;
        }
        try {
          return changed.awaitNanos(remaining) > 0 || !deadline.hasPassed();
        } catch (InterruptedException e) {
          interrupted = true;
          if (signals != before) {
            // It came after the interrupt had ended the wait, and woke nobody.
            return true;
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
