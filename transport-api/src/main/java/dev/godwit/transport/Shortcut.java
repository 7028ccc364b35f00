package dev.godwit.transport;

import java.nio.ByteBuffer;

/**
 * A way from one channel into another on which the bytes do not pass through this process's memory.
 * It carries what a read of the one and a write to the other would, counts in the stats of both,
 * and is ended by an abort or a close of either just so.
 *
 * <p>One platform thread uses it, and meanwhile nobody else reads the one channel or writes to the
 * other. Both stay their owner's.
 */
public interface Shortcut extends AutoCloseable {

  /**
   * Waits for bytes to come and takes them off the first channel; all taken before were given.
   *
   * @return how many, or -1 at the peer's orderly end
   * @throws ChannelException what a read would have thrown; {@link ChannelException.Unsupported} if
   *     this way cannot be gone after all, then nothing was taken and both channels are as they
   *     were
   */
  long take() throws ChannelException;

  /**
   * A view of the last bytes of what was taken, as many as were asked for where the shortcut was
   * made, or fewer if fewer were taken; valid until the next {@link #take}.
   */
  ByteBuffer last();

  /**
   * Hands what was taken to the second channel, all of it.
   *
   * @throws ChannelException what a write would have thrown; what was taken is lost
   */
  void give() throws ChannelException;

  /** Releases what the way itself is made of, and what was taken and not given. */
  @Override
  void close();
}
