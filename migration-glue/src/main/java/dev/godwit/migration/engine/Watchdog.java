package dev.godwit.migration.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Gives a migration up if for too long no byte has moved on any of its channels, in either
 * direction, and the guest is not what is waited for. A peer that is gone without a word is noticed
 * so on any transport.
 */
final class Watchdog implements AutoCloseable {
  private final Lines lines;
  private final Duration patience;
  private final Ending ending;
  private final Monitor monitor = new Monitor();
  private @Nullable Thread thread;
  private int held;
  private boolean closed;

  Watchdog(Lines lines, Duration patience, Ending ending) {
    this.lines = lines;
    this.patience = patience;
    this.ending = ending;
  }

  void start() {
    thread = Thread.ofVirtual().name("migration-watchdog").start(this::watch);
  }

  /** Until {@link #release} it is not the peer that is waited for. */
  void hold() {
    monitor.lock();
    try {
      held++;
    } finally {
      monitor.unlock();
    }
  }

  void release() {
    monitor.lock();
    try {
      held--;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  private void watch() {
    monitor.lock();
    try {
      long seen = lines.total();
      Deadline silence = Deadline.after(patience);
      while (!closed) {
        boolean signalled = monitor.await(soon());
        long now = lines.total();
        if (signalled || held > 0 || now != seen) {
          seen = now;
          silence = Deadline.after(patience);
        } else if (silence.hasPassed()) {
          ending.abort(
              new ChannelException.TimedOut(
                  "Nothing has moved on any channel for " + patience.toMillis() / 1000.0 + " s"));
          return;
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  /** Often enough to end not much later than asked. */
  private Deadline soon() {
    return Deadline.after(patience.dividedBy(8));
  }

  @Override
  public void close() {
    monitor.lock();
    try {
      closed = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    if (thread != null) {
      Uninterruptibly.join(thread);
    }
  }
}
