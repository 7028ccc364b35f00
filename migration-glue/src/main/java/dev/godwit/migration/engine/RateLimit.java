package dev.godwit.migration.engine;

import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Holds senders back so that together they send no more than so many bytes a second. Time is cut
 * into slices of 100 ms, as QEMU does it: each grants a tenth of the limit, and who comes when it
 * is used up waits for the next. What one call took beyond its slice is paid back by the following
 * ones; what was not used is lost after its slice, so no burst follows a silence. Thread-safe.
 */
public final class RateLimit {
  static final Duration SLICE = Duration.ofMillis(100);

  private static final long SLICE_NANOS = SLICE.toNanos();
  private static final double SLICES_PER_SECOND = 10;

  /** Lets a holder of the monitor wait, no longer than so many nanoseconds, for a signal. */
  @FunctionalInterface
  interface Waiter {
    void await(Monitor monitor, long nanos);
  }

  private final LongSupplier nanoClock;
  private final Waiter waiter;
  private final Monitor monitor = new Monitor();

  /** Written under the monitor, read without it by senders that no limit concerns. */
  private volatile long bytesPerSecond;

  private volatile boolean cancelled;

  /** When the current slice began, in the clock's nanoseconds. */
  private long sliceStart;

  /** What may still be sent in it; below zero if more was. */
  private double credit;

  /**
   * @param bytesPerSecond the limit, 0 for none
   */
  public RateLimit(long bytesPerSecond) {
    this(
        bytesPerSecond,
        System::nanoTime,
        (monitor, nanos) -> monitor.await(Deadline.after(Duration.ofNanos(nanos))));
  }

  RateLimit(long bytesPerSecond, LongSupplier nanoClock, Waiter waiter) {
    this.nanoClock = nanoClock;
    this.waiter = waiter;
    this.bytesPerSecond = checked(bytesPerSecond);
    this.sliceStart = nanoClock.getAsLong();
    this.credit = bytesPerSecond / SLICES_PER_SECOND;
  }

  /**
   * Returns when so many bytes may be sent: at once while the slice has any bytes left, where there
   * is no limit, and after {@link #cancel}. An interrupt does not end the wait.
   */
  public void pace(long bytes) {
    if (bytes <= 0 || bytesPerSecond == 0 || cancelled) {
      return;
    }
    monitor.lock();
    try {
      while (bytesPerSecond != 0 && !cancelled) {
        long now = nanoClock.getAsLong();
        grant(now);
        if (credit > 0) {
          credit -= bytes;
          return;
        }
        waiter.await(monitor, sliceStart + SLICE_NANOS * slicesUntilCredit() - now);
      }
    } finally {
      monitor.unlock();
    }
  }

  /**
   * Changes the limit, also for those who wait.
   *
   * @param limit in bytes per second, 0 for none
   */
  public void limit(long limit) {
    checked(limit);
    monitor.lock();
    try {
      long now = nanoClock.getAsLong();
      grant(now);
      double slice = limit / SLICES_PER_SECOND;
      if (bytesPerSecond == 0) {
        sliceStart = now;
        credit = slice;
      } else {
        credit = Math.min(credit, slice);
      }
      bytesPerSecond = limit;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /** The limit in bytes per second, 0 for none. */
  public long bytesPerSecond() {
    return bytesPerSecond;
  }

  /** Ends all waiting, now and from now on; any thread. */
  public void cancel() {
    monitor.lock();
    try {
      cancelled = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /** Begins the slice that {@code now} is in, and adds what it and those before it grant. */
  private void grant(long now) {
    long slices = (now - sliceStart) / SLICE_NANOS;
    if (slices > 0) {
      double slice = bytesPerSecond / SLICES_PER_SECOND;
      credit = Math.min(slice, credit + slices * slice);
      sliceStart += slices * SLICE_NANOS;
    }
  }

  /** How many slices it takes until there is credit again, at the least one. */
  private long slicesUntilCredit() {
    double slice = bytesPerSecond / SLICES_PER_SECOND;
    double slices = Math.floor(-credit / slice) + 1;
    // An hour at a time: the wait is a loop, and nanoseconds have an end.
    return (long) Math.min(slices, 36_000);
  }

  private static long checked(long limit) {
    if (limit < 0) {
      throw new IllegalArgumentException("A limit of " + limit + " bytes per second is none");
    }
    return limit;
  }
}
