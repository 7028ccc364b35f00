package dev.godwit.migration.proxy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * Moves one direction of one connection with one buffer. Runs on a thread of its own; its counters
 * may be read by any.
 */
final class Pump {

  /** Where the bytes come from. */
  @FunctionalInterface
  interface Source {
    int read(ByteBuffer dst) throws ChannelException;
  }

  /** Somebody who looks at the bytes that pass; must not move the buffer's position. */
  @FunctionalInterface
  interface Watcher {
    void see(ByteBuffer bytes);
  }

  /** Which end of the pump failed. */
  enum End {
    READING,
    WRITING
  }

  /** The failure of one end. */
  static final class Failure extends Exception {
    private static final long serialVersionUID = 1;

    private final End end;
    private final ChannelException failure;

    Failure(End end, ChannelException failure) {
      super(failure.getMessage(), failure);
      this.end = end;
      this.failure = failure;
    }

    End end() {
      return end;
    }

    ChannelException channelFailure() {
      return failure;
    }
  }

  private volatile long bytes;
  private volatile long idleSinceNanos;
  private volatile boolean idle;

  long bytes() {
    return bytes;
  }

  /** How long it has been waiting for bytes to come, in nanoseconds; 0 while it moves some. */
  long idleNanos() {
    return idle ? Math.max(0, System.nanoTime() - idleSinceNanos) : 0;
  }

  /** Moves bytes until the source's orderly end, which it hands on. */
  void run(Source source, Channel sink, ByteBuffer buffer, Watcher watcher) throws Failure {
    ByteBuffer[] one = {buffer};
    while (true) {
      buffer.clear();
      int read;
      idleSinceNanos = System.nanoTime();
      idle = true;
      try {
        read = source.read(buffer);
      } catch (ChannelException e) {
        throw new Failure(End.READING, e);
      }
      idle = false;
      try {
        if (read < 0) {
          end(sink);
          return;
        }
        buffer.flip();
        watcher.see(buffer);
        sink.write(one);
      } catch (ChannelException e) {
        throw new Failure(End.WRITING, e);
      }
      count(read);
    }
  }

  /** Written by the pump's own thread only. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  private void count(int moved) {
    bytes += moved;
  }

  /** A sink that is gone when it is told that nothing more comes has missed nothing. */
  private static void end(Channel sink) throws ChannelException {
    try {
      sink.shutdownOutput();
    } catch (ChannelException.Lost e) {
      return;
    }
  }
}
