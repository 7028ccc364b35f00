package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.godwit.transport.HostPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/**
 * The kernel's socket addresses.
 *
 * <pre>
 *   sockaddr_in    family u16 | port be16 | address 4 bytes | 8 zero bytes
 *   sockaddr_in6   family u16 | port be16 | flow u32 | address 16 bytes | scope u32
 *   sockaddr_un    family u16 | path, at most 107 bytes and a zero byte
 * </pre>
 */
public final class SocketAddresses {
  /** The longest path of a unix socket; one more byte ends it. */
  public static final int MAX_PATH_BYTES = 107;

  /** Room for any of the three. */
  private static final long MAX_BYTES = 128;

  private static final int IN_BYTES = 16;
  private static final int IN6_BYTES = 28;
  private static final int PORT = 2;
  private static final int IN_ADDRESS = 4;
  private static final int IN6_ADDRESS = 8;
  private static final int IN6_SCOPE = 24;
  private static final int UN_PATH = 2;
  private static final ValueLayout.OfShort BE16 =
      JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN).withByteAlignment(1);

  private SocketAddresses() {}

  /** The family of an internet address. */
  public static int family(InetAddress address) {
    return address instanceof Inet6Address ? Libc.AF_INET6 : Libc.AF_INET;
  }

  public static MemorySegment of(Arena arena, InetAddress address, int port) {
    boolean six = address instanceof Inet6Address;
    MemorySegment result = arena.allocate(six ? IN6_BYTES : IN_BYTES, 8);
    result.set(JAVA_SHORT, 0, (short) family(address));
    result.set(BE16, PORT, (short) port);
    byte[] bytes = address.getAddress();
    MemorySegment.copy(bytes, 0, result, JAVA_BYTE, six ? IN6_ADDRESS : IN_ADDRESS, bytes.length);
    if (address instanceof Inet6Address scoped) {
      result.set(JAVA_INT, IN6_SCOPE, scoped.getScopeId());
    }
    return result;
  }

  /**
   * @param path at most {@link #MAX_PATH_BYTES} bytes of UTF-8
   */
  public static MemorySegment ofPath(Arena arena, String path) {
    byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_PATH_BYTES) {
      throw new IllegalArgumentException("A socket's path has " + bytes.length + " bytes");
    }
    MemorySegment result = arena.allocate(UN_PATH + bytes.length + 1L, 8);
    result.set(JAVA_SHORT, 0, (short) Libc.AF_UNIX);
    MemorySegment.copy(bytes, 0, result, JAVA_BYTE, UN_PATH, bytes.length);
    return result;
  }

  /** This end of a socket, if it is an internet one. */
  public static Optional<HostPort> local(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(MAX_BYTES, 8);
      return Libc.getsockname(fd, address) < 0 ? Optional.empty() : decode(address);
    }
  }

  /** The other end of a socket, if it is an internet one and connected. */
  public static Optional<HostPort> remote(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(MAX_BYTES, 8);
      return Libc.getpeername(fd, address) < 0 ? Optional.empty() : decode(address);
    }
  }

  /** Whether a socket has another end. */
  public static boolean isConnected(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      return Libc.getpeername(fd, arena.allocate(MAX_BYTES, 8)) >= 0;
    }
  }

  /** The path that a unix socket was bound to, empty for an unnamed one. */
  public static String localPath(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(MAX_BYTES, 8);
      int length = Libc.getsockname(fd, address);
      return length <= UN_PATH ? "" : address.getString(UN_PATH);
    }
  }

  private static Optional<HostPort> decode(MemorySegment address) {
    int family = address.get(JAVA_SHORT, 0);
    boolean six = family == Libc.AF_INET6;
    if (!six && family != Libc.AF_INET) {
      return Optional.empty();
    }
    MemorySegment bytes = address.asSlice(six ? IN6_ADDRESS : IN_ADDRESS, six ? 16 : 4);
    int port = Short.toUnsignedInt(address.get(BE16, PORT));
    return Optional.of(new HostPort(text(bytes.toArray(JAVA_BYTE), scope(address, six)), port));
  }

  private static int scope(MemorySegment address, boolean six) {
    return six ? address.get(JAVA_INT, IN6_SCOPE) : 0;
  }

  private static String text(byte[] bytes, int scope) {
    try {
      // Java makes an IPv4 address of a mapped one, which is what a user wants to read.
      InetAddress address = InetAddress.getByAddress(bytes);
      String text = address.getHostAddress();
      return address instanceof Inet6Address
          ? compressed(text) + (scope == 0 ? "" : "%" + scope)
          : text;
    } catch (UnknownHostException e) {
      throw new IllegalStateException("An address of 4 or 16 bytes has none", e);
    }
  }

  /** As RFC 5952 wants it: the longest run of zero groups, of two at least, becomes two colons. */
  private static String compressed(String text) {
    String[] groups = text.split(":");
    int best = -1;
    int bestLength = 1;
    for (int i = 0; i < groups.length; i++) {
      int end = i;
      while (end < groups.length && groups[end].equals("0")) {
        end++;
      }
      if (end - i > bestLength) {
        best = i;
        bestLength = end - i;
      }
    }
    if (best < 0) {
      return text;
    }
    String before = String.join(":", Arrays.copyOfRange(groups, 0, best));
    String after = String.join(":", Arrays.copyOfRange(groups, best + bestLength, groups.length));
    return before + "::" + after;
  }
}
