package dev.godwit.migration.engine;

/**
 * When the parts of a migration began and ended. One thread tells, any may ask; what they are told
 * only grows, since the time is looked at under one lock.
 */
final class SourceClock {
  private static final long NOT_YET = Long.MIN_VALUE;

  private long begun = NOT_YET;
  private long setUp = NOT_YET;
  private long paused = NOT_YET;
  private long elsewhere = NOT_YET;
  private long ended = NOT_YET;
  private long passNanos;
  private long syncNanos;

  synchronized void begin() {
    begun = System.nanoTime();
  }

  /** Pages begin to travel. */
  synchronized void setUp() {
    setUp = System.nanoTime();
  }

  /** The guest is about to be paused. */
  synchronized void pause() {
    paused = System.nanoTime();
  }

  /** The guest runs again, here or where it is now. */
  synchronized void running() {
    elsewhere = System.nanoTime();
  }

  synchronized void end() {
    ended = System.nanoTime();
  }

  /**
   * A pass has ended, and after it the guest's log was collected; one thread calls this.
   *
   * @param nanos of the pass
   * @param collecting nanoseconds of the latter
   */
  synchronized void pass(long nanos, long collecting) {
    passNanos = nanos;
    syncNanos += collecting;
  }

  synchronized double totalSeconds() {
    return seconds(begun, ended);
  }

  synchronized double setupSeconds() {
    return seconds(begun, setUp == NOT_YET ? ended : setUp);
  }

  synchronized double downtimeSeconds() {
    return seconds(paused, elsewhere == NOT_YET ? ended : elsewhere);
  }

  synchronized double passSeconds() {
    return passNanos / 1e9;
  }

  synchronized double syncSeconds() {
    return syncNanos / 1e9;
  }

  /** Until now, where it has not ended; 0 where it has not begun. */
  private static double seconds(long from, long to) {
    if (from == NOT_YET) {
      return 0;
    }
    return ((to == NOT_YET ? System.nanoTime() : to) - from) / 1e9;
  }
}
