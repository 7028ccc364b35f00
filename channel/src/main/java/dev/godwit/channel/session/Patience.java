package dev.godwit.channel.session;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;

/** Aborts a channel whose peer does not play its part in time, unless closed before. */
final class Patience implements AutoCloseable {
  private final Monitor monitor = new Monitor();
  private boolean closed;

  Patience(Channel channel, Deadline deadline) {
    Thread.ofPlatform()
        .daemon()
        .name("session-patience")
        .start(
            () -> {
              if (!awaitClosed(deadline)) {
                channel.abort(
                    new ChannelException.TimedOut(
                        "The other end did not answer as a Godwit in time"));
              }
            });
  }

  private boolean awaitClosed(Deadline deadline) {
    monitor.lock();
    try {
      while (!closed) {
        if (!monitor.await(deadline)) {
          return closed;
        }
      }
      return true;
    } finally {
      monitor.unlock();
    }
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
  }
}
