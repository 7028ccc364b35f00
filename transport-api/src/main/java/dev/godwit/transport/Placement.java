package dev.godwit.transport;

/**
 * How put bytes travel. It never says whether a call works: {@code put} and {@code get} work on
 * every channel.
 */
public enum Placement {
  /**
   * Put bytes stand in the stream where they were put; no two operations can overtake each other.
   */
  INLINE,
  /**
   * Put bytes land in the peer's region on their own; records on the channel announce them to
   * {@code get}.
   */
  RECORDED,
  /**
   * Put bytes land with no record at all; only {@code barrier} says that they are there, and the
   * reader calls no {@code get}.
   */
  SILENT
}
