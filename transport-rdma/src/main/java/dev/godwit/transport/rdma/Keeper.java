package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;

/**
 * The thread that drives a channel while nobody waits in it, and says the last words on a broken
 * one.
 */
final class Keeper implements Runnable {
  /** For the word that this side gives up; the peer notices without it, but not why. */
  private static final Duration LAST_WORDS = Duration.ofMillis(500);

  private final Monitor monitor;
  private final Progress progress;
  private final RdmaChannel channel;
  private final Thread thread;
  private volatile boolean stopped;
  private boolean givingUp;
  private boolean gaveUp;

  Keeper(Monitor monitor, Progress progress, RdmaChannel channel, String name) {
    this.monitor = monitor;
    this.progress = progress;
    this.channel = channel;
    this.thread = Thread.ofPlatform().daemon().name(name).unstarted(this);
  }

  void start() {
    progress.keptBy(thread);
    thread.start();
  }

  @Override
  public void run() {
    monitor.lock();
    try {
      long seen = -1;
      while (!stopped) {
        pump();
        String why = channel.reasonToGiveUp();
        if (!gaveUp && (givingUp || !why.isEmpty())) {
          sayWhy(why.isEmpty() ? "It closed in the middle of a write" : why);
        }
        seen = progress.keep(seen);
      }
    } finally {
      monitor.unlock();
    }
  }

  private void pump() {
    try {
      channel.pump();
    } catch (ChannelException e) {
      progress.breakWith(e);
    }
  }

  private void sayWhy(String why) {
    gaveUp = true;
    if (!progress.isDisconnected()) {
      Dialect dialect = channel.dialect();
      try {
        dialect.sayAbort(why);
        progress.keepUntil(dialect::isAbortSent, Deadline.after(LAST_WORDS));
      } catch (ChannelException e) {
        progress.breakWith(e);
      }
      progress.disconnect();
    }
    monitor.signalAll();
  }

  /** Has the last words said, and waits for that; the caller holds the lock. */
  void giveUp() {
    givingUp = true;
    while (!gaveUp || !progress.isDisconnected()) {
      progress.wake();
      monitor.await(Deadline.after(LAST_WORDS));
    }
  }

  /** Ends the thread; the caller does not hold the lock. */
  void stop() {
    stopped = true;
    progress.wake();
    Uninterruptibly.join(thread);
  }
}
