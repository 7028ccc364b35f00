package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** IPv4 and IPv6 addresses as C has them. */
final class SocketAddresses {
  /** A sockaddr_storage. */
  static final long BYTES = 128;

  private static final long PORT = 2;
  private static final long ADDRESS_4 = 4;
  private static final long ADDRESS_6 = 8;
  private static final long SCOPE = 24;

  private static final ValueLayout.OfShort NETWORK_SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private SocketAddresses() {}

  /**
   * @throws IllegalArgumentException unless it is an internet address that was resolved
   */
  static MemorySegment encode(Arena arena, SocketAddress address) {
    if (!(address instanceof InetSocketAddress internet) || internet.isUnresolved()) {
      throw new IllegalArgumentException("Not a resolved internet address: " + address);
    }
    MemorySegment encoded = arena.allocate(BYTES, Long.BYTES);
    byte[] octets = internet.getAddress().getAddress();
    boolean six = octets.length > 4;
    encoded.set(JAVA_SHORT_UNALIGNED, 0, (short) (six ? Libc.AF_INET6 : Libc.AF_INET));
    encoded.set(NETWORK_SHORT, PORT, (short) internet.getPort());
    MemorySegment.copy(octets, 0, encoded, JAVA_BYTE, six ? ADDRESS_6 : ADDRESS_4, octets.length);
    if (internet.getAddress() instanceof Inet6Address scoped) {
      encoded.set(JAVA_INT_UNALIGNED, SCOPE, scoped.getScopeId());
    }
    return encoded;
  }

  /** The address that is encoded there, or null if there is none. */
  static @Nullable InetSocketAddress decode(MemorySegment encoded) {
    int family = encoded.get(JAVA_SHORT_UNALIGNED, 0);
    if (family != Libc.AF_INET && family != Libc.AF_INET6) {
      return null;
    }
    boolean six = family == Libc.AF_INET6;
    byte[] octets = new byte[six ? 16 : 4];
    MemorySegment.copy(encoded, JAVA_BYTE, six ? ADDRESS_6 : ADDRESS_4, octets, 0, octets.length);
    int port = Short.toUnsignedInt(encoded.get(NETWORK_SHORT, PORT));
    try {
      int scope = six ? encoded.get(JAVA_INT_UNALIGNED, SCOPE) : 0;
      InetAddress address =
          scope != 0
              ? Inet6Address.getByAddress(null, octets, scope)
              : InetAddress.getByAddress(octets);
      return new InetSocketAddress(address, port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("An address has a wrong length", e);
    }
  }
}
