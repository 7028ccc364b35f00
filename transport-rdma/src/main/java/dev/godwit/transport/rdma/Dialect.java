package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import java.nio.ByteBuffer;

/**
 * What a channel says over its queue pair, and what it makes of what it hears. The channel sees to
 * threads, failures and the end; all of this is called with its monitor held, but for {@link
 * #hurry} and {@link #mail}. Calls that wait do so through {@link Progress}.
 */
interface Dialect {
  /** As of the seam; what was passed is checked. */
  int read(ByteBuffer dst) throws ChannelException;

  void write(ByteBuffer src) throws ChannelException;

  void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException;

  void get(RdmaRegion dst, long dstOffset, long length) throws ChannelException;

  void flush() throws ChannelException;

  /** Flushes, and waits until no write reads memory any more; fails if one did not land. */
  void settle() throws ChannelException;

  void barrier() throws ChannelException;

  /** Ends the output behind all that was written. */
  void end() throws ChannelException;

  /** Ends the output if it has not ended, and waits until the peer has all of it. */
  void endInOrder() throws ChannelException;

  /** Whether bytes that were handed over did not arrive, or may not have. */
  boolean isLossy();

  long outstandingWrites();

  /** Whether the end of the connection is how the peer ends its output. */
  default boolean endsByDisconnecting() {
    return false;
  }

  /** Whether the peer has said all it had to say, so that it may go. */
  boolean hasEnded();

  /** The peer has closed its end. */
  void peerIsGone();

  /** Something came into a receive slot. */
  void arrived(int slot, int bytes) throws ChannelException;

  /** What was sent or written is over. */
  void completed(long work, boolean success) throws ChannelException;

  /** Sends what may be sent now. */
  void pump() throws ChannelException;

  /** Has what is held back sent soon. Any thread, without the lock. */
  void hurry();

  /** Says soon what concerns all channels of the peer. Any thread, without the lock. */
  void mail(Control control);

  /** Says why this side gives up, past all that waits to be sent. */
  void sayAbort(String sentence) throws ChannelException;

  boolean isAbortSent();

  /** Lets go of everything; the queue pair is destroyed. */
  void release();
}
