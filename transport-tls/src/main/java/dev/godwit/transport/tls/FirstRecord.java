package dev.godwit.transport.tls;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.engine.TlsEngine;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * The first record of a peer, looked at before credentials are read and an engine is made: whoever
 * connects and says nothing, or something else than TLS, costs a few bytes.
 *
 * <pre>
 *   0   1 byte    22, a handshake; 21, an alert
 *   1   2 bytes   version: 03 and any, in the first record
 *   3   2 bytes   length n, 2^14 at the most (RFC 8446, 5.1)
 *   5   n bytes
 * </pre>
 */
final class FirstRecord {
  private static final int HEADER_BYTES = 5;
  private static final byte HANDSHAKE = 22;
  private static final byte ALERT = 21;
  private static final byte VERSION = 3;

  /** How a main and a multifd channel of QEMU begin: {@code QEVM} and {@code 11 22 33 44}. */
  private static final int MAIN = 0x5145564d;

  private static final int MULTIFD = 0x11223344;

  private FirstRecord() {}

  /**
   * Waits for a whole record, and returns it ready to be taken.
   *
   * @param arena of the buffer
   */
  static ByteBuffer await(Channel inner, Arena arena) throws ChannelException {
    ByteBuffer header = arena.allocate(HEADER_BYTES).asByteBuffer();
    while (header.hasRemaining()) {
      if (inner.read(header) < 0) {
        throw new ChannelException.Lost(
            TlsTransport.named(inner) + " ended the connection before it began TLS");
      }
      check(inner, header);
    }
    int length = Short.toUnsignedInt(header.flip().getShort(HEADER_BYTES - Short.BYTES));
    if (length > TlsEngine.RECORD_BYTES) {
      throw new ChannelException.Violated(
          TlsTransport.named(inner)
              + " began TLS with a record of "
              + length
              + " bytes, and "
              + TlsEngine.RECORD_BYTES
              + " is the most");
    }
    ByteBuffer record = arena.allocate(HEADER_BYTES + length).asByteBuffer().put(header);
    while (record.hasRemaining()) {
      if (inner.read(record) < 0) {
        throw new ChannelException.Lost(
            TlsTransport.named(inner) + " ended the connection in the middle of its first record");
      }
    }
    return record.flip();
  }

  /**
   * Refuses what cannot be the beginning of TLS.
   *
   * @param begun from 0 to its position, at least one byte
   */
  static void check(Channel inner, ByteBuffer begun) throws ChannelException.Untrusted {
    byte type = begun.get(0);
    boolean known = type == HANDSHAKE || type == ALERT;
    if (known && (begun.position() < 2 || begun.get(1) == VERSION)) {
      return;
    }
    int first = begun.position() < Integer.BYTES ? 0 : begun.getInt(0);
    if (first == MAIN || first == MULTIFD) {
      throw new ChannelException.Untrusted(
          TlsTransport.named(inner) + " speaks a migration in clear, but TLS is asked for here");
    }
    byte[] bytes = new byte[Math.min(begun.position(), HEADER_BYTES)];
    begun.get(0, bytes);
    throw new ChannelException.Untrusted(
        TlsTransport.named(inner)
            + " speaks no TLS, its first bytes are "
            + HexFormat.ofDelimiter(" ").formatHex(bytes));
  }
}
