package dev.godwit.transport.layer;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import org.jspecify.annotations.Nullable;

/** Where a layer waits for time to pass, unless its channel is given up. */
final class Gate {
  private final Monitor monitor = new Monitor();
  private boolean shut;
  private @Nullable Throwable cause;

  /**
   * Returns at {@code moment}.
   *
   * @throws ChannelException.Aborted at once when the gate is shut
   */
  void await(Deadline moment) throws ChannelException {
    monitor.lock();
    try {
      while (!shut && monitor.await(moment)) {
        // Woken, but not by time.
      }
      if (shut) {
        throw new ChannelException.Aborted("The channel was given up while a layer waited", cause);
      }
    } finally {
      monitor.unlock();
    }
  }

  /** Lets nobody wait any more; the first cause stays. */
  void shut(@Nullable Throwable why) {
    monitor.lock();
    try {
      if (!shut) {
        shut = true;
        cause = why;
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }
}
