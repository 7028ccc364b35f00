package dev.godwit.migration.proxy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Shortcut;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Moves one direction of one connection with one buffer. Runs on a thread of its own; its counters
 * may be read by any.
 */
final class Pump {

  /** Where the bytes come from. */
  interface Source {
    int read(ByteBuffer dst) throws ChannelException;

    /** Whether bytes were read ahead and are still to be taken by {@link #read}. */
    boolean hasBuffered();
  }

  /** Somebody who looks at the bytes that pass. */
  interface Watcher {
    /** Bytes that are to be written next; must not move the buffer's position. */
    void see(ByteBuffer bytes);

    /** Whether it has to see all that passes, and not only the last bytes of each piece. */
    boolean wantsAll();
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
  private final ByteBuffer[] one = new ByteBuffer[1];

  long bytes() {
    return bytes;
  }

  /** How long it has been waiting for bytes to come, in nanoseconds; 0 while it moves some. */
  long idleNanos() {
    return idle ? Math.max(0, System.nanoTime() - idleSinceNanos) : 0;
  }

  /**
   * Moves bytes until the source's orderly end, which it hands on.
   *
   * @param shortcut from the source to the sink, gone as soon as the watcher need not see all; what
   *     it has to see then, the shortcut shows
   */
  void run(
      Source source, Channel sink, ByteBuffer buffer, Watcher watcher, Optional<Shortcut> shortcut)
      throws Failure {
    Optional<Shortcut> way = shortcut;
    boolean ended = false;
    while (!ended) {
      if (way.isPresent() && mayTurnOff(source, watcher)) {
        ended = goAlong(way.get(), watcher);
        way = Optional.empty();
      } else {
        ended = copy(source, sink, buffer, watcher);
      }
    }
    try {
      end(sink);
    } catch (ChannelException e) {
      throw new Failure(End.WRITING, e);
    }
  }

  private static boolean mayTurnOff(Source source, Watcher watcher) {
    return !watcher.wantsAll() && !source.hasBuffered();
  }

  /** Moves one piece by reading and writing; true at the source's end. */
  private boolean copy(Source source, Channel sink, ByteBuffer buffer, Watcher watcher)
      throws Failure {
    buffer.clear();
    beginToWait();
    try {
      if (source.read(buffer) < 0) {
        return true;
      }
    } catch (ChannelException e) {
      throw new Failure(End.READING, e);
    }
    idle = false;
    buffer.flip();
    int moved = buffer.remaining();
    watcher.see(buffer);
    write(sink, buffer);
    count(moved);
    return false;
  }

  /** Moves everything by a shortcut; false if that cannot be gone after all. */
  private boolean goAlong(Shortcut shortcut, Watcher watcher) throws Failure {
    while (true) {
      long moved;
      beginToWait();
      try {
        moved = shortcut.take();
      } catch (ChannelException.Unsupported e) {
        return false;
      } catch (ChannelException e) {
        throw new Failure(End.READING, e);
      }
      idle = false;
      if (moved < 0) {
        return true;
      }
      watcher.see(shortcut.last());
      try {
        shortcut.give();
      } catch (ChannelException e) {
        throw new Failure(End.WRITING, e);
      }
      count(moved);
    }
  }

  private void beginToWait() {
    idleSinceNanos = System.nanoTime();
    idle = true;
  }

  private void write(Channel sink, ByteBuffer buffer) throws Failure {
    one[0] = buffer;
    try {
      sink.write(one);
      sink.flush();
    } catch (ChannelException e) {
      throw new Failure(End.WRITING, e);
    }
  }

  /** Written by the pump's own thread only. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  private void count(long moved) {
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
