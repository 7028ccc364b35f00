package dev.godwit.transport;

/**
 * A channel onto something that has places, such as a file. Only the mapped-ram reader and writer
 * ask for it; everything else sees a {@link Channel}.
 */
public interface PositionedChannel extends Channel {

  /** Where the next byte is read or written, in bytes from the start of the file. */
  long position() throws ChannelException;

  /**
   * Moves to {@code position}, in bytes from the start of the file; beyond the end is allowed when
   * writing and leaves a hole.
   */
  void position(long position) throws ChannelException;
}
