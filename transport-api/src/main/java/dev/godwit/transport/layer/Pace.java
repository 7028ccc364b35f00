package dev.godwit.transport.layer;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A rate that several channels share. Each reserves the time that its next bytes take and waits for
 * it at its own gate, so that giving one channel up keeps no other waiting.
 */
final class Pace {
  /** So that a rate is kept within every hundredth of a second, not by the second. */
  private static final long PIECES_PER_SECOND = 100;

  /** Larger pieces gain nothing. */
  private static final long MAX_PIECE_BYTES = 1 << 20;

  private static final double NANOS_PER_SECOND = 1e9;

  private final long bytesPerSecond;
  private final ReentrantLock lock = new ReentrantLock();
  private long nextNanos = System.nanoTime();

  Pace(long bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** How much to send between two waits, in bytes. */
  int pieceBytes() {
    return (int) Math.clamp(bytesPerSecond / PIECES_PER_SECOND, 1, MAX_PIECE_BYTES);
  }

  /** Returns when it is time for {@code bytes} more, counted over all channels. */
  void await(long bytes, Gate gate) throws ChannelException {
    gate.await(Deadline.after(Duration.ofNanos(reserve(bytes))));
  }

  /** Time that nobody used is not made up for. */
  private long reserve(long bytes) {
    long nanos = Math.round(bytes * (NANOS_PER_SECOND / bytesPerSecond));
    lock.lock();
    try {
      long now = System.nanoTime();
      if (nextNanos - now < 0) {
        nextNanos = now;
      }
      nextNanos += nanos;
      return nextNanos - now;
    } finally {
      lock.unlock();
    }
  }
}
