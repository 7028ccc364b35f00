package dev.godwit.transport;

import java.lang.foreign.MemorySegment;

/**
 * Memory that a migration may place bytes in or send from. The memory stays the caller's, who keeps
 * it reachable and unmoved until {@link #close} returns.
 *
 * <p>Closing takes every right of the peer to it away before it returns; a put or get on a closed
 * region is an {@link IllegalStateException} and touches nothing.
 */
public interface Region extends AutoCloseable {
  /** The RAM block's name, the same on both sides. */
  String name();

  MemorySegment memory();

  Access access();

  @Override
  void close() throws ChannelException;
}
