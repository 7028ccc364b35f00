package dev.godwit.migration.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a destination breaks off: it says why, reads on until the source has ended, and only then
 * gives the main channel up. A connection that is closed with bytes of the source unread takes away
 * with it what the source has not read either.
 */
final class LastWord implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LastWord.class);
  private static final int DRAIN_BYTES = 64 * 1024;

  private final Channel main;
  private final Replies replies;
  private final Monitor monitor = new Monitor();
  private final List<Thread> threads = new ArrayList<>();
  private boolean said;
  private boolean starting;
  private boolean over;

  LastWord(Channel main, Replies replies) {
    this.main = main;
    this.replies = replies;
  }

  /** The migration was given up: says so, unless the guest is being started here. */
  void givenUp(Throwable cause) {
    monitor.lock();
    try {
      if (starting) {
        // The guest may run by now, and a source that hears otherwise runs it as well.
        return;
      }
    } finally {
      monitor.unlock();
    }
    say(cause);
  }

  /** Asks the source for the guest, unless it has been told that it keeps it. */
  void ask() throws ChannelException {
    monitor.lock();
    try {
      if (said) {
        throw new ChannelException.Aborted("The migration was given up", null);
      }
      replies.ready();
    } finally {
      monitor.unlock();
    }
  }

  /**
   * From now on only {@link #say} says anything: whatever happens to the migration, the guest is
   * started here.
   *
   * @return whether it may be: not if the source has been told that it is not
   */
  boolean start() {
    monitor.lock();
    try {
      starting = !said;
      return starting;
    } finally {
      monitor.unlock();
    }
  }

  /** Says it, the first time; whoever reads the main channel is not kept from it much longer. */
  void say(Throwable cause) {
    monitor.lock();
    try {
      if (said || over) {
        return;
      }
      said = true;
      if (replies.isOpen()) {
        threads.add(start("migration-last-word", () -> tell(cause)));
        threads.add(start("migration-last-wait", () -> giveUp(cause)));
        return;
      }
    } finally {
      monitor.unlock();
    }
    main.abort(cause);
  }

  private static Thread start(String name, Runnable work) {
    return Thread.ofPlatform().daemon().name(name).start(work);
  }

  private void tell(Throwable cause) {
    try {
      replies.refuse(Failures.sentence(cause));
    } catch (ChannelException e) {
      LOG.debug("The source could not be told", e);
    }
  }

  private void giveUp(Throwable cause) {
    isOverInTime();
    main.abort(cause);
  }

  private boolean isOverInTime() {
    Deadline deadline = Deadline.after(SourceMigration.LAST_WORD);
    monitor.lock();
    try {
      while (!over && monitor.await(deadline)) {
        // The source has not ended.
      }
      return over;
    } finally {
      monitor.unlock();
    }
  }

  /** Until {@link #close} a source that takes nothing any more is not waited for much longer. */
  void limit() {
    monitor.lock();
    try {
      threads.add(
          start(
              "migration-last-wait",
              () -> {
                if (!isOverInTime()) {
                  main.abort(new ChannelException.TimedOut("The source takes no answer any more"));
                }
              }));
    } finally {
      monitor.unlock();
    }
  }

  /** Reads on until the source has ended; for the thread that reads the main channel. */
  void awaitEnd() {
    ByteBuffer nothing = ByteBuffer.allocateDirect(DRAIN_BYTES);
    try {
      while (main.read(nothing.clear()) >= 0) {
        // Of no interest any more.
      }
    } catch (ChannelException e) {
      LOG.debug("The source has ended", e);
    }
    close();
  }

  /** Nobody reads any more. */
  @Override
  public void close() {
    List<Thread> running;
    monitor.lock();
    try {
      over = true;
      monitor.signalAll();
      running = List.copyOf(threads);
    } finally {
      monitor.unlock();
    }
    running.forEach(Uninterruptibly::join);
  }
}
