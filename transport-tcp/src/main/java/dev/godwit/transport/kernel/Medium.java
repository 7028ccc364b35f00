package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;

/**
 * What is behind the descriptors of a {@link DescriptorChannel}: what its errors mean, and how it
 * ends. Calls come from the channel's own threads, {@code abort} from any.
 */
public interface Medium {

  /** What to say when the kernel answered a read or write with {@code errno}. */
  ChannelException failure(boolean reading, int errno);

  /** The input has ended; fails if that was no orderly end. */
  default void inputEnded() throws ChannelException {}

  /** Ends the output in order, after all that was written. */
  void endOutput() throws ChannelException;

  /**
   * Ends every call that waits and lets the other end see a loss; never blocks, may be repeated.
   */
  void abort();

  /**
   * Releases everything; called once.
   *
   * @param broken whether the channel was aborted or has failed
   * @param wrote whether bytes were handed over
   * @throws ChannelException if it was not broken, and bytes handed over may be lost
   */
  void close(boolean broken, boolean wrote) throws ChannelException;
}
