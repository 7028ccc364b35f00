package dev.godwit.transport.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Listener;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.Pair;
import dev.godwit.transport.kernel.Sockets;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class TcpTransportTest {
  private final TcpTransport transport = new TcpTransport();

  private static Deadline soon() {
    return Deadline.after(Pair.PATIENCE);
  }

  private Listener listen(String uri) throws ChannelException {
    return transport.listen(Endpoint.parse(uri));
  }

  private Channel dial(String uri) throws ChannelException {
    try (Dialer dialer = transport.dialer(Endpoint.parse(uri))) {
      return dialer.dial(soon());
    }
  }

  private static int port(Listener listener) {
    return HostPort.of(listener.local()).port();
  }

  @ParameterizedTest
  @CsvSource({
    "tcp:0:0,            127.0.0.1",
    "tcp:0:0,            [::1]",
    "tcp::0,             127.0.0.1",
    "tcp::0,             [::1]",
    "tcp:[::]:0,         127.0.0.1",
    "tcp:0.0.0.0:0,      127.0.0.1",
    "tcp://127.0.0.1:0,  127.0.0.1",
    "tcp:[::1]:0,        [::1]",
    "tcp:localhost:0,    localhost"
  })
  void listensWhereAndIsDialledHow(String listening, String host) throws Exception {
    try (Listener listener = listen(listening)) {
      assertThat(port(listener)).isPositive();
      try (Channel out = dial("tcp:" + host + ":" + port(listener));
          Channel in = listener.accept(soon());
          Channel again = dial(listener.local().toString())) {
        out.write(Pair.bytes("x"));
        assertThat(in.read(ByteBuffer.allocate(1))).isEqualTo(1);
        assertThat(in.info().remote()).isEqualTo(out.info().local());
        assertThat(in.info().local()).isEqualTo(out.info().remote());
        assertThat(in.info().local().toString()).endsWith(":" + port(listener));
        again.abort(new IllegalStateException("Only dialled"));
      }
    }
  }

  @Test
  void writesAddressesAsAUserWould() throws Exception {
    try (Pair pair = Pair.of("tcp:[::1]:0")) {
      assertThat(pair.dialled().info().remote().toString()).matches("tcp:\\[::1]:[0-9]+");
    }
    try (Listener listener = listen("tcp::0");
        Channel out = dial("tcp:127.0.0.1:" + port(listener));
        Channel in = listener.accept(soon())) {
      assertThat(in.info().remote().toString()).startsWith("tcp:127.0.0.1:");
      assertThat(out.info().remote().toString()).startsWith("tcp:127.0.0.1:");
    }
  }

  @Test
  void onlyTheFamilyThatIsAskedFor() throws Exception {
    try (Listener four = listen("tcp::0,ipv4=on");
        Listener six = listen("tcp::0,ipv6")) {
      assertThatThrownBy(() -> dial("tcp:[::1]:" + port(four)))
          .isInstanceOf(ChannelException.Refused.class);
      assertThatThrownBy(() -> dial("tcp:127.0.0.1:" + port(six)))
          .isInstanceOf(ChannelException.Refused.class);
      dial("tcp:127.0.0.1:" + port(four)).close();
      dial("tcp:[::1]:" + port(six)).close();
      assertThatThrownBy(() -> dial("tcp:127.0.0.1:" + port(four) + ",ipv6=on"))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("IPv6");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tcp:h:1,                       BOTH",
    "'tcp:h:1,ipv4=on',             IPV4",
    "'tcp:h:1,ipv6=on',             IPV6",
    "'tcp:h:1,ipv4=off',            IPV6",
    "'tcp:h:1,ipv6=off',            IPV4",
    "'tcp:h:1,ipv4=on,ipv6=on',     BOTH",
    "'tcp:h:1,ipv4=on,ipv6=off',    IPV4"
  })
  void familiesMeanWhatTheyMeanToQemu(String uri, TcpOptions.Families families) {
    assertThat(TcpOptions.of(Endpoint.parse(uri)).families()).isEqualTo(families);
  }

  @Test
  void triesTheNextPortOfARange() throws Exception {
    try (Listener first = listen("tcp:127.0.0.1:0")) {
      int port = port(first);
      int last = Math.min(port + 50, 65535);
      try (Listener next = listen("tcp:127.0.0.1:" + port + ",to=" + last)) {
        assertThat(port(next)).isGreaterThan(port);
      }
      assertThatThrownBy(() -> listen("tcp:127.0.0.1:" + port + ",to=" + port))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("Somebody else listens");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tcp:127.0.0.1:10,to=9",
        "tcp:127.0.0.1:10,to=70000",
        "tcp:127.0.0.1:10,ipv4=off,ipv6=off",
        "tcp:127.0.0.1:10,keep-alive=perhaps",
        "tcp:127.0.0.1:10?user-timeout=100us",
        "tcp:127.0.0.1:10?user-timeout=1000000m",
        "tcp:127.0.0.1:10?send-buffer=much",
        "tcp:127.0.0.1:10?mode=0600",
        "tcp:127.0.0.1",
        "tcp:::1:10",
        "tcp:127.0.0.1:x"
      })
  void refusesWhatMakesNoSense(String uri) {
    assertThatThrownBy(() -> listen(uri)).isInstanceOf(EndpointException.class);
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class);
  }

  @Test
  void portZeroCannotBeDialled() {
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse("tcp:127.0.0.1:0")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("Port 0");
  }

  @ParameterizedTest
  @CsvSource({"tcp:no-such-host.invalid:1,  has no address", "tcp:203.0.113.1:0x,          ''"})
  void aHostThatNobodyKnowsIsRefused(String uri, String words) {
    assertThatThrownBy(() -> dial(uri))
        .isInstanceOfAny(ChannelException.Refused.class, EndpointException.class)
        .hasMessageContaining(words);
  }

  @Test
  void anAddressOfAnotherHostCannotBeListenedOn() {
    assertThatThrownBy(() -> listen("tcp:203.0.113.1:0"))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("does not belong to this host");
  }

  @Test
  void nobodyThereIsSaidInOneSentence() throws Exception {
    int port;
    try (Listener listener = listen("tcp:127.0.0.1:0")) {
      port = port(listener);
    }
    assertThatThrownBy(() -> dial("tcp:localhost:" + port))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageStartingWith("Nobody listens at tcp:localhost:" + port);
  }

  @Test
  void socketsHaveTheirOptions() throws Exception {
    int fd = Sockets.stream(Libc.AF_INET);
    try {
      TcpOptions.of(Endpoint.parse("tcp:h:1?user-timeout=30s&send-buffer=64k")).apply(fd);
      assertThat(Sockets.option(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY)).isEqualTo(1);
      assertThat(Sockets.option(fd, Libc.SOL_SOCKET, Libc.SO_KEEPALIVE)).isEqualTo(1);
      assertThat(Sockets.option(fd, Libc.IPPROTO_TCP, Libc.TCP_USER_TIMEOUT)).isEqualTo(30_000);
      assertThat(Sockets.option(fd, Libc.IPPROTO_TCP, Libc.TCP_KEEPIDLE)).isEqualTo(15);
      assertThat(Sockets.option(fd, Libc.IPPROTO_TCP, Libc.TCP_KEEPCNT)).isEqualTo(3);
      assertThat(Sockets.option(fd, Libc.SOL_SOCKET, Libc.SO_SNDBUF)).isEqualTo(2 * 64 * 1024);
      assertThat(Libc.fcntl(fd, Libc.F_GETFD, 0)).isEqualTo(Libc.FD_CLOEXEC);
    } finally {
      Libc.close(fd);
    }
  }

  @Test
  void aPeerThatTakesNothingForTooLongIsLost() throws Exception {
    try (Listener listener = listen("tcp:127.0.0.1:0?receive-buffer=16k");
        Channel out = dial("tcp:127.0.0.1:" + port(listener) + "?user-timeout=300ms");
        Channel in = listener.accept(soon())) {
      ByteBuffer much = ByteBuffer.allocateDirect(64 << 20);
      assertThatThrownBy(() -> out.write(much))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("is dead");
      assertThat(in.stats().bytesRead()).isZero();
    }
  }

  @Test
  void aDialDoesNotMeetItself() throws Exception {
    // TCP connects a socket to itself if the kernel happens to choose the dialled port, on which
    // nobody listens, as its source. It takes those of the other parity than bind does in turn, so
    // within half the ephemeral range that happens.
    int port;
    try (Listener listener = listen("tcp:127.0.0.1:0")) {
      port = port(listener) ^ 1;
    }
    try (Dialer dialer = transport.dialer(Endpoint.parse("tcp:127.0.0.1:" + port))) {
      for (int i = 0; i < 15_000; i++) {
        assertThatThrownBy(() -> dialer.dial(soon())).isInstanceOf(ChannelException.Refused.class);
      }
    }
  }

  @Test
  void namesAreResolvedUnderTheDeadline() throws Exception {
    try (Dialer dialer = transport.dialer(Endpoint.parse("tcp:no-such-host.invalid:1"))) {
      assertThatThrownBy(() -> dialer.dial(Deadline.after(Duration.ZERO)))
          .isInstanceOfAny(ChannelException.TimedOut.class, ChannelException.Refused.class);
    }
  }

  @Test
  void anotherProcessesDescriptorIsNotClosedTwice() {
    int fd = Sockets.stream(Libc.AF_INET);
    Descriptor descriptor = Descriptor.socket(fd);
    descriptor.close(Descriptor.Manner.IN_ORDER);
    int next = Sockets.stream(Libc.AF_INET);
    assertThat(next).isEqualTo(fd);
    descriptor.close(Descriptor.Manner.ABRUPTLY);
    assertThat(Libc.fcntl(next, Libc.F_GETFD, 0)).isNotEqualTo(-Errno.EBADF);
    Libc.close(next);
  }
}
