package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;

/** How the bytes of whole pages go out on one channel. */
interface PageSink extends AutoCloseable {

  /**
   * Copies a page of the target's size; the copy holds until the next page is copied, and may be
   * changed by nobody before it has arrived.
   */
  MemorySegment copyOf(MemorySegment memory, long offset) throws ChannelException;

  /** Sends memory of the guest: a page, or several that follow each other. */
  void sendLive(StreamOutput out, int block, long offset, long length) throws ChannelException;

  /** Sends what {@link #copyOf} returned last. */
  void sendCopy(StreamOutput out, int block, long offset) throws ChannelException;

  @Override
  void close() throws ChannelException;
}
