package dev.godwit.migration.engine;

/** When the parts of a migration began and ended. One thread tells, any may ask. */
final class SourceClock {
  private static final long NOT_YET = Long.MIN_VALUE;

  private volatile long begun = NOT_YET;
  private volatile long setUp = NOT_YET;
  private volatile long paused = NOT_YET;
  private volatile long elsewhere = NOT_YET;
  private volatile long ended = NOT_YET;
  private volatile long passNanos;
  private volatile long syncNanos;

  void begin() {
    begun = System.nanoTime();
  }

  /** Pages begin to travel. */
  void setUp() {
    setUp = System.nanoTime();
  }

  /** The guest is about to be paused. */
  void pause() {
    paused = System.nanoTime();
  }

  /** The guest runs again, here or where it is now. */
  void running() {
    elsewhere = System.nanoTime();
  }

  void end() {
    ended = System.nanoTime();
  }

  /**
   * A pass has ended, and after it the guest's log was collected; one thread calls this.
   *
   * @param nanos of the pass
   * @param collecting nanoseconds of the latter
   */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  void pass(long nanos, long collecting) {
    passNanos = nanos;
    syncNanos += collecting;
  }

  double totalSeconds() {
    return seconds(begun, ended);
  }

  double setupSeconds() {
    return seconds(begun, setUp == NOT_YET ? ended : setUp);
  }

  double downtimeSeconds() {
    return seconds(paused, elsewhere == NOT_YET ? ended : elsewhere);
  }

  double passSeconds() {
    return passNanos / 1e9;
  }

  double syncSeconds() {
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
