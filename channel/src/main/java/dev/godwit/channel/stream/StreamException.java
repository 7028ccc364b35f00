package dev.godwit.channel.stream;

import java.io.IOException;

/**
 * A migration stream is not what it must be. The channel itself works; whoever reads aborts it, and
 * keeps nothing of what was read so far as a guest.
 */
public final class StreamException extends IOException {
  private static final long serialVersionUID = 1;

  /** What the reader makes of it. */
  public enum Kind {
    /** The stream ended, in order, in the middle of something. */
    TRUNCATED,
    /** No stream looks like this: it was damaged, or its writer is at fault. */
    MALFORMED,
    /** A stream may look like this, and this version does not read it. */
    UNSUPPORTED,
    /** It is sound and belongs to another machine, or to one set up in another way. */
    MISMATCHED
  }

  private final Kind kind;
  private final String channel;
  private final long offset;
  private final String sentence;

  /**
   * @param channel which channel of the migration, such as {@code main} or {@code multifd 3}
   * @param offset of the first byte of what is wrong, counted on that channel from 0
   * @param sentence what is wrong, with what was expected; capital letter, no full stop
   */
  public StreamException(Kind kind, String channel, long offset, String sentence) {
    super(sentence);
    this.kind = kind;
    this.channel = channel;
    this.offset = offset;
    this.sentence = sentence;
  }

  public Kind kind() {
    return kind;
  }

  public String channel() {
    return channel;
  }

  /** Offset in bytes on {@link #channel()} of what is wrong. */
  public long offset() {
    return offset;
  }

  /** What is wrong, without where. */
  public String sentence() {
    return sentence;
  }

  @Override
  public String getMessage() {
    return sentence + " (channel " + channel + ", byte " + offset + ")";
  }
}
