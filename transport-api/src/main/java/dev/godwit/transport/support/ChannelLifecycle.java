package dev.godwit.transport.support;

import dev.godwit.transport.ChannelException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The states of a channel and the rule that its first failure wins. Safe for use by many threads;
 * holds no lock while the provider works.
 *
 * <pre>
 *   OPEN --endOutput--&gt; OUTPUT_ENDED --close--&gt; CLOSED
 *     \------abort, fail-----&gt; BROKEN --close--&gt; CLOSED
 * </pre>
 */
public final class ChannelLifecycle {
  private static final AtomicLong SERIALS = new AtomicLong();

  /** Where a channel is in its life. */
  public enum State {
    /** Both directions work. */
    OPEN,
    /** This side's output has ended in order; input still works. */
    OUTPUT_ENDED,
    /** Aborted or failed; nothing works any more. */
    BROKEN,
    /** Released. */
    CLOSED
  }

  private final String name;
  private State state = State.OPEN;
  private @Nullable Throwable first;

  /**
   * @param name of the channel in messages, for example {@code tcp:hostb:4444}
   */
  public ChannelLifecycle(String name) {
    this.name = name;
  }

  /** A number that no other channel of this process has. */
  public static long nextSerial() {
    return SERIALS.incrementAndGet();
  }

  public synchronized State state() {
    return state;
  }

  /** The failure or the abort that came first, if there was one. */
  public synchronized Optional<Throwable> first() {
    return Optional.ofNullable(first);
  }

  /** Passes while this side may read. */
  public synchronized void requireInput() throws ChannelException {
    if (state == State.BROKEN || state == State.CLOSED) {
      throw refusal();
    }
  }

  /** Passes while this side may write. */
  public synchronized void requireOutput() throws ChannelException {
    if (state == State.OUTPUT_ENDED) {
      throw new ChannelException.Aborted(
          "Nothing can be written to " + name + " after its output was ended", null);
    }
    requireInput();
  }

  /** Ends the output; true for the call that did it. */
  public synchronized boolean endOutput() throws ChannelException {
    if (state == State.OUTPUT_ENDED) {
      return false;
    }
    requireInput();
    state = State.OUTPUT_ENDED;
    return true;
  }

  /** Breaks the channel because somebody on this side wants it; true for the call that did it. */
  public synchronized boolean abort(Throwable cause) {
    if (state == State.BROKEN || state == State.CLOSED) {
      return false;
    }
    state = State.BROKEN;
    first = cause;
    return true;
  }

  /**
   * Breaks the channel because {@code failure} happened, and returns what to throw: {@code failure}
   * itself if it came first, else an {@link ChannelException.Aborted} that names what did.
   */
  public synchronized ChannelException fail(ChannelException failure) {
    if (state == State.BROKEN || state == State.CLOSED) {
      return refusal();
    }
    state = State.BROKEN;
    first = failure;
    return failure;
  }

  /** Closes; true for the call that did it. */
  public synchronized boolean close() {
    if (state == State.CLOSED) {
      return false;
    }
    state = State.CLOSED;
    return true;
  }

  private ChannelException.Aborted refusal() {
    if (first != null) {
      String why = first.getMessage();
      return new ChannelException.Aborted(
          "Channel " + name + " is broken" + (why == null ? "" : ": " + why), first);
    }
    return new ChannelException.Aborted("Channel " + name + " is closed", null);
  }
}
