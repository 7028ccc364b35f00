package dev.godwit.transport;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A channel could not do what was asked. The kinds differ in what the caller does next, so every
 * switch over them is exhaustive.
 *
 * <p>The first failure of a channel wins: each later call on that channel fails with an exception
 * whose cause is the first one.
 */
public abstract sealed class ChannelException extends IOException {

  private final String sentence;

  private ChannelException(String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
    this.sentence = sentence;
  }

  /** What happened, as one sentence without a full stop. */
  @Override
  public final String getMessage() {
    return sentence;
  }

  /**
   * The peer ended its output in an orderly way, but in the middle of something. The migration
   * failed; the peer may say why elsewhere.
   */
  public static final class EndedEarly extends ChannelException {
    public EndedEarly(String message) {
      super(message, null);
    }
  }

  /** The connection died without an orderly end. Recover if this is postcopy, else fail. */
  public static final class Lost extends ChannelException {
    public Lost(String message) {
      super(message, null);
    }

    public Lost(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * This side gave up: {@link Channel#abort} was called, or the channel is closed. Its cause tells
   * why.
   */
  public static final class Aborted extends ChannelException {
    public Aborted(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** A deadline passed. Trying again may help. */
  public static final class TimedOut extends ChannelException {
    public TimedOut(String message) {
      super(message, null);
    }
  }

  /**
   * Nobody serves the address, it is taken, or this process may not use it. Correct the address or
   * try again later.
   */
  public static final class Refused extends ChannelException {
    public Refused(String message) {
      super(message, null);
    }

    public Refused(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** The peer is not who it must be. Do not try again. */
  public static final class Untrusted extends ChannelException {
    public Untrusted(String message) {
      super(message, null);
    }
  }

  /** The peer, or the code above, broke the protocol. Do not try again. */
  public static final class Violated extends ChannelException {
    public Violated(String message) {
      super(message, null);
    }
  }

  /**
   * This host or this transport cannot do it. Choose another transport, or install what the message
   * names.
   */
  public static final class Unsupported extends ChannelException {
    public Unsupported(String message) {
      super(message, null);
    }
  }

  /** A system or library call failed in a way that fits no other kind. */
  public static final class Native extends ChannelException {
    private final String call;
    private final int errno;

    /**
     * @param message a sentence, with the system's own words for {@code errno}
     * @param call the call that failed, for example {@code fsync}
     * @param errno the provider's own error number
     */
    public Native(String message, String call, int errno) {
      super(message, null);
      this.call = call;
      this.errno = errno;
    }

    public String call() {
      return call;
    }

    public int errno() {
      return errno;
    }
  }
}
