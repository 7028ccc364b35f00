package dev.godwit.transport;

import java.nio.ByteBuffer;

/**
 * One connection of a migration: a sequence of bytes each way, some of them placed straight into
 * registered memory.
 *
 * <p><b>The law of the seam.</b>
 *
 * <ol>
 *   <li>In each direction a channel carries one sequence of bytes, written and put; the reader
 *       takes the same sequence by read and get. The split into calls may differ. {@code get}
 *       returns only when those bytes are in the reader's region.
 *   <li>A put may land in the peer's memory before bytes written earlier have been read there, and
 *       after puts of other channels. So between two barriers no byte of memory is the target of
 *       two operations (put, zero, delta, discard, in any mix, on any channel). {@code barrier}
 *       returns once the peer's own barrier was reached: everything before it on this channel has
 *       been read there and has landed. A pass over several channels ends with a barrier on every
 *       one.
 *   <li>Different channels promise each other nothing but that.
 * </ol>
 *
 * <p>Where {@link Placement} is {@code INLINE} order alone decides, and put bytes are ordinary
 * bytes of the stream to whoever reads them. Where it is {@code RECORDED}, bytes that were put are
 * taken by get and bytes that were written by read; mixing them up is {@link
 * ChannelException.Violated Violated}.
 *
 * <p><b>Threads.</b> One thread writes (write, put, flush, settle, shutdownOutput) and one reads
 * (read, get); barrier is called by either of them while the other may go on, so that a return path
 * can be read meanwhile. {@code abort}, {@code close}, {@code info} and {@code stats} may be called
 * by any thread at any time. Interrupting a thread that blocks here has no effect: abort the
 * channel.
 *
 * <p><b>Failure.</b> The first failure wins: later calls fail with a {@link ChannelException} whose
 * cause it is. Use after close is {@link ChannelException.Aborted Aborted}. Bad offsets are {@link
 * IndexOutOfBoundsException} and touch nothing.
 */
public interface Channel extends AutoCloseable {

  ChannelInfo info();

  /**
   * Reads into {@code dst}, which stays yours: at least one byte, or -1 at the peer's orderly end.
   * Blocks until there is something.
   *
   * @throws IllegalArgumentException if {@code dst} has no room
   * @throws ChannelException.Lost if the connection died without an orderly end
   */
  int read(ByteBuffer dst) throws ChannelException;

  /**
   * Writes all of {@code src}, in order; the buffers are yours again on return, with their
   * positions at their limits.
   */
  void write(ByteBuffer... src) throws ChannelException;

  /**
   * Places bytes of {@code src} in the peer's {@code dst}. Your memory may be read until {@link
   * #settle} returns; pages that change meanwhile may arrive torn.
   *
   * @param length in bytes; more than 2 GiB is fine, and 0 checks the offsets and does nothing else
   */
  void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException;

  /**
   * Takes the next {@code length} bytes that the peer put; returns when they are in {@code dst}.
   *
   * @throws ChannelException.EndedEarly if the peer ended before that many
   */
  void get(Region dst, long dstOffset, long length) throws ChannelException;

  /** Hands everything over to the medium; does not wait for it to arrive. */
  void flush() throws ChannelException;

  /** Flushes, and returns once no put reads this side's memory any more. */
  void settle() throws ChannelException;

  /**
   * Pairs with the peer's barrier: returns when all that was written and put before it, in both
   * directions, has been read and has landed. Where nobody reads what the peer wrote before its
   * barrier, this waits until it is read or the channel is aborted. Free where placement is INLINE.
   */
  void barrier() throws ChannelException;

  /**
   * Ends this side's output in order, after all that was written; the peer reads -1. What the peer
   * sends still arrives.
   */
  void shutdownOutput() throws ChannelException;

  /**
   * Breaks the channel at once: whoever blocks in it fails with {@link ChannelException.Aborted}.
   * Any thread, quick, never blocks, may be repeated.
   */
  void abort(Throwable cause);

  ChannelStats stats();

  /**
   * Settles and releases everything; idempotent. Never waits for the peer to read, and ends what
   * another thread does here with {@link ChannelException.Aborted}. Fails only if bytes handed over
   * before may be lost; a channel that has failed or was aborted closes quietly.
   */
  @Override
  void close() throws ChannelException;
}
