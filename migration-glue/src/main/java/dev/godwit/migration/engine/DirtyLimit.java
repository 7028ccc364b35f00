package dev.godwit.migration.engine;

import dev.godwit.migration.dirty.DirtyMemory;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a guest from dirtying more than so many bytes a second by throttling it, with no migration
 * at all or before one. In each period it measures the rate in a thread of its own and sets the
 * throttle for the next; whoever else throttles the guest is overruled when that changes. Any
 * thread may call what is here.
 */
public final class DirtyLimit implements AutoCloseable {
  /** What a guest is throttled by at most, as {@link Guest#throttle} takes it. */
  private static final int MOST_PERCENT = 99;

  private static final Duration DEFAULT_PERIOD = Duration.ofSeconds(1);

  private final Guest guest;
  private final int blocks;
  private final long limitBytesPerSecond;
  private final Duration period;
  private final DirtyMemory.Client client;
  private final Monitor monitor = new Monitor();
  private final Thread thread;
  private volatile double rate;
  private volatile int throttlePercent;
  private volatile @Nullable GuestException failure;
  private volatile boolean closed;

  /** Measures once a second. */
  public DirtyLimit(DirtyMemory memory, Guest guest, long limitBytesPerSecond)
      throws GuestException {
    this(memory, guest, limitBytesPerSecond, DEFAULT_PERIOD);
  }

  /**
   * Begins at once.
   *
   * @param memory of that guest; it is shared with whoever else reads its log
   * @param limitBytesPerSecond at least 1; in whole pages, as they are counted in each period
   * @param period of a measurement, longer than 0
   * @throws GuestException if the guest does not log what it writes
   */
  public DirtyLimit(DirtyMemory memory, Guest guest, long limitBytesPerSecond, Duration period)
      throws GuestException {
    if (limitBytesPerSecond < 1) {
      throw new IllegalArgumentException(
          "A guest cannot be held to " + limitBytesPerSecond + " bytes a second");
    }
    if (!period.isPositive()) {
      throw new IllegalArgumentException("Nothing can be measured in " + period);
    }
    this.guest = guest;
    this.blocks = guest.ramBlocks().size();
    this.limitBytesPerSecond = limitBytesPerSecond;
    this.period = period;
    this.client = memory.open();
    this.thread = Thread.ofVirtual().name("dirty-limit").start(this::run);
  }

  /** Dirty bytes a second in the last whole period; 0 in the first. */
  public double rate() {
    return rate;
  }

  /** By how much the guest is throttled now: 0 to 99. */
  public int throttlePercent() {
    return throttlePercent;
  }

  /** Why the guest is not limited any more; its throttle stays as it was until {@link #close}. */
  public Optional<GuestException> failure() {
    return Optional.ofNullable(failure);
  }

  /** Ends the limit at once and lets the guest run freely. Does nothing the second time. */
  @Override
  public void close() throws GuestException {
    monitor.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    // It may be in a call to the guest, but in no wait: its last throttle comes before ours.
    Uninterruptibly.join(thread);
    try {
      throttlePercent = 0;
      guest.throttle(0);
    } finally {
      client.close();
    }
  }

  private void run() {
    try {
      long last = System.nanoTime();
      long marked = 0;
      while (periodHasPassed()) {
        client.sync();
        long now = System.nanoTime();
        long all = client.markedBytes();
        rate = (all - marked) * 1e9 / Math.max(1, now - last);
        last = now;
        marked = all;
        forget();
        throttle(next(rate, limitBytesPerSecond, throttlePercent));
      }
    } catch (GuestException e) {
      failure = e;
    } catch (IOException | RuntimeException e) {
      failure = new GuestException("The guest failed while its writes were limited", e);
    }
  }

  /** Waits for the end of a period; false once the limit is closed, which cuts it short. */
  private boolean periodHasPassed() {
    Deadline end = Deadline.after(period);
    monitor.lock();
    try {
      while (!closed && monitor.await(end)) {
        // Woken before the end of the period.
      }
      return !closed;
    } finally {
      monitor.unlock();
    }
  }

  /** What is dirty is only counted here: the bitmaps need hold no more than a period's. */
  private void forget() throws IOException {
    for (int block = 0; block < blocks; block++) {
      client.takeRuns(block, (offset, length) -> {});
    }
  }

  private void throttle(int percent) throws GuestException {
    if (percent != throttlePercent) {
      guest.throttle(percent);
      throttlePercent = percent;
    }
  }

  /**
   * The throttle for the next period, taking the rate to be in proportion to the time that the
   * guest is left. It rises to where the rate would be the limit, but falls only half of the way
   * there, so that a guest that dirties by fits is not let run at each pause.
   *
   * @param rate that was seen, bytes a second
   * @param percent that the guest was throttled by meanwhile
   */
  static int next(double rate, long limit, int percent) {
    double left = rate > 0 ? (100.0 - percent) * limit / rate : 100;
    int wanted = (int) Math.ceil(Math.clamp(100 - left, 0.0, MOST_PERCENT));
    return wanted >= percent ? wanted : (wanted + percent) / 2;
  }
}
