package dev.godwit.transport.rdma;

import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Registers memory beside the channels, one thing after the other: it takes long, and no frame
 * shall wait for it. The thread is there while there is work, and a little longer.
 */
final class Registrar {
  /** More requests than a peer has parts that fit under a ceiling. */
  private static final int MAX_WAITING = 1 << 16;

  private static final Duration LINGER = Duration.ofMillis(200);

  private final Queue<Runnable> waiting = new ArrayDeque<>();
  private boolean running;

  /** Does it after all that was asked for before; false if too much waits already. */
  synchronized boolean execute(Runnable task) {
    if (waiting.size() == MAX_WAITING) {
      return false;
    }
    waiting.add(task);
    if (running) {
      notifyAll();
    } else {
      running = true;
      Thread.ofPlatform().daemon().name("godwit-rdma-registrar").start(this::run);
    }
    return true;
  }

  private void run() {
    while (true) {
      Runnable task = next();
      if (task == null) {
        return;
      }
      task.run();
    }
  }

  private synchronized @org.jspecify.annotations.Nullable Runnable next() {
    long end = System.nanoTime() + LINGER.toNanos();
    while (waiting.isEmpty()) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        running = false;
        return null;
      }
      try {
        wait(left / 1_000_000, (int) (left % 1_000_000));
      } catch (InterruptedException e) {
        Uninterruptibly.restore(false);
      }
    }
    return waiting.remove();
  }
}
