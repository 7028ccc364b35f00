package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SocketAddressesTest {
  @ParameterizedTest
  @ValueSource(strings = {"10.0.2.15", "0.0.0.0", "fd00::15", "::", "255.255.255.255"})
  void bothFamiliesComeBackAsTheyWere(String address) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      InetSocketAddress there = new InetSocketAddress(InetAddress.getByName(address), 65_535);

      assertThat(SocketAddresses.decode(SocketAddresses.encode(arena, there))).isEqualTo(there);
    }
  }

  @Test
  void theBytesAreThoseOfC() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      InetSocketAddress there = new InetSocketAddress(InetAddress.getByName("1.2.3.4"), 0x1234);

      MemorySegment encoded = SocketAddresses.encode(arena, there);

      assertThat(encoded.asSlice(0, 16).toArray(ValueLayout.JAVA_BYTE))
          .containsExactly(2, 0, 0x12, 0x34, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    }
  }

  @Test
  void aScopeIsKept() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      byte[] octets = InetAddress.getByName("fe80::1").getAddress();
      InetSocketAddress there =
          new InetSocketAddress(Inet6Address.getByAddress(null, octets, 3), 1);

      InetSocketAddress back =
          Objects.requireNonNull(SocketAddresses.decode(SocketAddresses.encode(arena, there)));

      assertThat(((Inet6Address) back.getAddress()).getScopeId()).isEqualTo(3);
    }
  }

  @Test
  void anotherFamilyIsNoAddress() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(SocketAddresses.decode(arena.allocate(SocketAddresses.BYTES))).isNull();
    }
  }

  @Test
  void whatIsNoResolvedAddressIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(
              () -> SocketAddresses.encode(arena, InetSocketAddress.createUnresolved("a", 1)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> SocketAddresses.encode(arena, UnixDomainSocketAddress.of("/a")))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
