package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * One TLS connection without its wire: plain bytes become records, records plain bytes. One thread
 * may seal while another opens.
 *
 * <p>All buffers are direct and stay the caller's; positions move past what was taken and made.
 * Input is records as they come, the last one perhaps not whole: what is not taken is offered again
 * with what follows. After a failure {@link #parting} has the alert for the peer, if there is one.
 */
public interface TlsEngine extends AutoCloseable {
  /** Plain bytes in a full record. */
  int RECORD_BYTES = 16 * 1024;

  /** A record on the wire at the most: header, content, padding and authentication. */
  int SEALED_BYTES = 5 + RECORD_BYTES + 256;

  /** Where a handshake is. */
  enum Handshake {
    /** What is in {@code out} is to be sent; then more input is needed. */
    NEEDS_INPUT,
    /** {@code out} has no room for what is to be sent: send it and call again. */
    NEEDS_ROOM,
    /** What is in {@code out} is to be sent; then both sides may send. */
    DONE
  }

  /** Why {@link #open} returned. */
  enum Opened {
    /** No whole record is left in the input. */
    NEEDS_INPUT,
    /** A record is left, but fewer than {@link #RECORD_BYTES} of room. */
    NEEDS_ROOM,
    /** The peer said close_notify: nothing follows. */
    ENDED
  }

  /**
   * Goes on with the handshake as far as {@code in} allows. A client's first call takes nothing.
   *
   * @param out with at least {@link #SEALED_BYTES} of room
   * @throws ChannelException.Untrusted if the peer is not who it must be, or said so of this side
   * @throws ChannelException.Violated if what came is no TLS handshake, or one that cannot be had
   */
  Handshake handshake(ByteBuffer in, ByteBuffer out) throws ChannelException;

  /** Facts of the connection; once the handshake is done. */
  TlsSession session();

  /**
   * Seals bytes of {@code src} in full records, the last one as long as what is left, until either
   * {@code src} is empty or {@code out} has less than {@link #SEALED_BYTES} of room. Sends what the
   * engine owes the peer first, such as the answer to a key update.
   */
  void seal(ByteBuffer src, ByteBuffer out) throws ChannelException;

  /**
   * Opens records into {@code dst}, one after the other.
   *
   * @param dst with at least {@link #RECORD_BYTES} of room
   * @throws ChannelException.Violated if a record is damaged, repeated, out of order or too long
   * @throws ChannelException.Untrusted if the peer sent an alert that refuses this side
   * @throws ChannelException.Lost if the peer sent another alert
   */
  Opened open(ByteBuffer in, ByteBuffer dst) throws ChannelException;

  /**
   * The last record: close_notify, or the alert of a failure.
   *
   * @param out with at least {@link #SEALED_BYTES} of room; nothing is added if nothing is to be
   *     said
   */
  void parting(ByteBuffer out);

  /** Releases what the engine holds outside the heap, and clears secrets; idempotent. */
  @Override
  void close();
}
