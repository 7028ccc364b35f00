package dev.godwit.migration.proxy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Listener;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Accepts connections on a thread of its own, until nothing more can come or it is ended. */
final class Acceptor {
  private static final Logger LOG = LoggerFactory.getLogger(Acceptor.class);

  /** Between two attempts while the system has no descriptor or memory for a connection. */
  private static final Duration AGAIN = Duration.ofMillis(200);

  /** How long the thread may take to notice that it is over. */
  private static final Duration END = Duration.ofSeconds(5);

  private final Listener listener;
  private final Consumer<Channel> accepted;
  private final Runnable exhausted;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread thread;

  /**
   * @param accepted takes each connection, on the acceptor's thread
   * @param exhausted told once that no more will come, on the acceptor's thread
   */
  Acceptor(Listener listener, Consumer<Channel> accepted, Runnable exhausted) {
    this.listener = listener;
    this.accepted = accepted;
    this.exhausted = exhausted;
    this.thread = Thread.ofPlatform().name("godwit-accept").daemon().unstarted(this::accept);
  }

  void start() {
    thread.start();
  }

  /** Accepts no more, soon; any thread, never blocks. */
  void end(Throwable cause) {
    ended.countDown();
    listener.abort(cause);
  }

  /** Waits until nothing more is handed over after an {@link #end}. */
  void join() {
    try {
      thread.join(END);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void accept() {
    boolean more = true;
    while (more) {
      try {
        accepted.accept(listener.accept(Deadline.never()));
      } catch (ChannelException.Aborted e) {
        more = false;
      } catch (ChannelException e) {
        LOG.warn("Could not accept a connection: {}", e.getMessage());
        more =
            !(e instanceof ChannelException.Unsupported)
                && !(e instanceof ChannelException.Lost)
                && !isEndedMeanwhile();
      }
    }
    exhausted.run();
  }

  /** Waits a little before the next attempt. */
  private boolean isEndedMeanwhile() {
    try {
      return ended.await(AGAIN.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return true;
    }
  }
}
