package dev.godwit.transport.tls;

import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;

/** Acts once if it is not closed by a deadline; costs a virtual thread until then. */
final class Patience implements AutoCloseable {
  private final Monitor monitor = new Monitor();
  private boolean over;
  private boolean acted;

  /**
   * @param late called on a thread of its own once the deadline has passed
   */
  Patience(Deadline deadline, Runnable late) {
    if (deadline.isBounded()) {
      Thread.ofVirtual().name("godwit-tls-patience").start(() -> wait(deadline, late));
    }
  }

  private void wait(Deadline deadline, Runnable late) {
    monitor.lock();
    try {
      while (!over && !deadline.hasPassed()) {
        monitor.await(deadline);
      }
      if (over) {
        return;
      }
      acted = true;
    } finally {
      monitor.unlock();
    }
    late.run();
  }

  /** Ends the wait; true if it was too late for that. */
  boolean hasActed() {
    monitor.lock();
    try {
      over = true;
      monitor.signalAll();
      return acted;
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void close() {
    hasActed();
  }
}
