package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * The outside of a record (RFC 8446, 5.1): type, version, length. It is looked at before an engine
 * sees it, so that an engine is only given what is whole, and never more than it has room for.
 *
 * <pre>
 *   0      1         3        5
 *   | type | version | length | content ...
 * </pre>
 */
final class Records {
  static final int HEADER_BYTES = 5;

  private static final int CHANGE_CIPHER_SPEC = 20;
  private static final int HANDSHAKE = 22;
  private static final int APPLICATION_DATA = 23;
  private static final int MAJOR_VERSION = 3;

  private Records() {}

  /**
   * The length of the first record with its header; 0 if it is not there as a whole.
   *
   * @throws ChannelException.Violated if this is no record, or one too long
   */
  static int whole(ByteBuffer in) throws ChannelException.Violated {
    return wholeAt(in, in.position());
  }

  /** The same for a record that begins at {@code at}. */
  static int wholeAt(ByteBuffer in, int at) throws ChannelException.Violated {
    int left = in.limit() - at;
    if (left < HEADER_BYTES) {
      return 0;
    }
    int type = in.get(at);
    int major = in.get(at + 1);
    if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || major != MAJOR_VERSION) {
      throw new ChannelException.Violated("What the peer sent is no TLS record");
    }
    int length = HEADER_BYTES + (in.getShort(at + 3) & 0xffff);
    if (length > TlsEngine.SEALED_BYTES) {
      throw new ChannelException.Violated(
          "The peer sent a TLS record of "
              + length
              + " bytes, and it may have no more than "
              + TlsEngine.SEALED_BYTES);
    }
    return left < length ? 0 : length;
  }

  /** Whether the record at {@code at} says in clear that it is part of a handshake. */
  static boolean isHandshake(ByteBuffer in, int at) {
    return in.get(at) == HANDSHAKE;
  }

  /** What its peer gets to know who begins a handshake within a connection of TLS 1.2. */
  static ChannelException.Violated renegotiation() {
    return new ChannelException.Violated(
        "The peer began to renegotiate the TLS connection, which is refused");
  }

  /** What a record is that fails its authentication. */
  static ChannelException.Violated damaged() {
    return new ChannelException.Violated(
        "A TLS record cannot be opened: it was damaged, repeated or reordered on its way");
  }
}
