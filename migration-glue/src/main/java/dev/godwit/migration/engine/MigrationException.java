package dev.godwit.migration.engine;

import java.util.Optional;

/**
 * A migration did not complete. The message is a sentence that names the side and, where there is
 * one, the channel; the cause is what happened first.
 */
public final class MigrationException extends Exception {
  private static final long serialVersionUID = 1;

  /** Which end of the migration met it. */
  public enum Side {
    SOURCE,
    DESTINATION
  }

  /** What the caller makes of it. */
  public enum Kind {
    /** The guest is the source's, as it was. */
    FAILED,
    /** Somebody cancelled; the guest is the source's, as it was. */
    CANCELLED,
    /** The source gave the guest up; look whether the destination runs it. It may run nowhere. */
    UNDECIDED
  }

  private final Side side;
  private final Kind kind;
  private final String channel;

  MigrationException(Side side, Kind kind, Throwable cause) {
    super(sentence(side, cause), cause);
    this.side = side;
    this.kind = kind;
    this.channel = Failures.channel(cause).orElse("");
  }

  private static String sentence(Side side, Throwable cause) {
    String sentence =
        (side == Side.SOURCE ? "Source: " : "Destination: ") + Failures.sentence(cause);
    return Failures.channel(cause)
        .filter(channel -> !sentence.contains("hannel " + channel))
        .map(channel -> sentence + " (channel " + channel + ")")
        .orElse(sentence);
  }

  public Side side() {
    return side;
  }

  public Kind kind() {
    return kind;
  }

  /** The channel that failed, such as {@code main} or {@code multifd 3}, where one did. */
  public Optional<String> channel() {
    return channel.isEmpty() ? Optional.empty() : Optional.of(channel);
  }
}
