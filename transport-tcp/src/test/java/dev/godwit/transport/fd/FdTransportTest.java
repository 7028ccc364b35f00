package dev.godwit.transport.fd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Protection;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.Pair;
import dev.godwit.transport.kernel.RawDescriptors;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class FdTransportTest {
  @TempDir private Path scratch = Path.of("");
  private final FdTransport transport = new FdTransport();
  private final RawDescriptors descriptors = new RawDescriptors();

  @AfterEach
  void closeDescriptors() {
    descriptors.close();
  }

  private static Deadline soon() {
    return Deadline.after(Pair.PATIENCE);
  }

  private Channel dial(int number) throws ChannelException {
    try (Dialer dialer = transport.dialer(Endpoint.parse("fd:" + number))) {
      return dialer.dial(soon());
    }
  }

  private Channel accept(int number) throws ChannelException {
    try (Listener listener = transport.listen(Endpoint.parse("fd:" + number))) {
      return listener.accept(soon());
    }
  }

  @Test
  void aSocketPairGoesBothWays() throws Exception {
    int[] pair = descriptors.unixPair();
    try (Channel out = dial(pair[0]);
        Channel in = accept(pair[1])) {
      out.write(Pair.bytes("there"));
      out.shutdownOutput();
      in.write(Pair.bytes("back"));
      in.shutdownOutput();
      assertThat(Pair.readAll(in)).isEqualTo("there");
      assertThat(Pair.readAll(out)).isEqualTo("back");
      assertThat(out.info().identity()).isInstanceOf(PeerIdentity.LocalProcess.class);
      assertThat(out.info().capabilities().protection()).isEqualTo(Protection.LOCAL);
    }
  }

  @Test
  void aPipeGoesOneWay() throws Exception {
    int[] pipe = descriptors.pipe();
    try (Channel out = dial(pipe[1]);
        Channel in = accept(pipe[0])) {
      assertThat(out.info().capabilities().bidirectional()).isFalse();
      Task<String> reading = Task.start("read", () -> Pair.readAll(in));
      reading.awaitBlocked();
      byte[] much = "much".repeat(100_000).getBytes(StandardCharsets.UTF_8);
      out.write(ByteBuffer.wrap(much));
      out.shutdownOutput();
      assertThat(reading.result()).hasSize(much.length);
      assertThat(out.read(ByteBuffer.allocate(1))).isEqualTo(-1);
      assertThatThrownBy(() -> in.write(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Unsupported.class)
          .hasMessageContaining("only read from");
    }
  }

  @Test
  void aBlockedPipeCanBeAborted() throws Exception {
    int[] pipe = descriptors.pipe();
    try (Channel out = dial(pipe[1]);
        Channel in = accept(pipe[0])) {
      IllegalStateException reason = new IllegalStateException("Enough");
      Task<Integer> reading = Task.start("read", () -> in.read(ByteBuffer.allocate(1)));
      reading.awaitBlocked();
      in.abort(reason);
      assertThat(reading.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
      assertThatThrownBy(() -> out.write(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("Nobody reads");
    }
  }

  @Test
  void flagsOfASharedPipeAreRestored() throws Exception {
    int[] pipe = descriptors.pipe();
    int shared = descriptors.keep(Libc.fcntl(pipe[1], 0 /* F_DUPFD */, 3));
    try (Channel out = dial(pipe[1])) {
      assertThat(out.info().serial()).isPositive();
      assertThat(Libc.fcntl(shared, Libc.F_GETFL, 0) & Libc.O_NONBLOCK).isNotZero();
    }
    assertThat(Libc.fcntl(shared, Libc.F_GETFL, 0) & Libc.O_NONBLOCK).isZero();
  }

  @Test
  void aFileIsWrittenFromItsPosition() throws Exception {
    Path file = Files.writeString(scratch.resolve("file"), "0123");
    int fd = descriptors.keep(Libc.open(file.toString(), Libc.O_RDWR, 0));
    Libc.lseek(fd, 2, Libc.SEEK_SET);
    try (Channel channel = dial(fd)) {
      channel.write(Pair.bytes("xy"));
    }
    assertThat(file).hasContent("01xy");
    int again = descriptors.keep(Libc.open(file.toString(), Libc.O_RDONLY, 0));
    try (Channel channel = accept(again)) {
      assertThat(Pair.readAll(channel)).isEqualTo("01xy");
    }
  }

  @Test
  void aListeningSocketIsAcceptedFromAndSurvives() throws Exception {
    Path path = scratch.resolve("socket");
    int fd;
    int systemds;
    try (Arena arena = Arena.ofConfined()) {
      fd = descriptors.keep(Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM));
      assertThat(Libc.bind(fd, SocketAddresses.ofPath(arena, path.toString()))).isZero();
      assertThat(Libc.listen(fd, 8)).isZero();
      systemds = descriptors.keep(Libc.fcntl(fd, 0 /* F_DUPFD */, 3));
    }
    assertThatThrownBy(() -> dial(systemds))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("listens");
    try (Listener listener = transport.listen(Endpoint.parse("fd:" + fd))) {
      for (int i = 0; i < 3; i++) {
        try (SocketChannel client = connect(path);
            Channel in = listener.accept(soon())) {
          client.write(Pair.bytes("hello"));
          client.shutdownOutput();
          assertThat(Pair.readAll(in)).isEqualTo("hello");
        }
      }
      Task<Channel> blocked = Task.start("accept", () -> listener.accept(soon()));
      blocked.awaitBlocked();
      listener.close();
      assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class);
    }
    // systemd holds the same socket, and must be able to hand it to the next process.
    connect(path).close();
    assertThat(path).exists();
  }

  private static SocketChannel connect(Path path) throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(path));
  }

  @Test
  void nothingIsTakenTwice() throws Exception {
    int[] pair = descriptors.unixPair();
    try (Channel first = dial(pair[0])) {
      assertThatThrownBy(() -> dial(pair[0]))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("in use already");
      assertThat(first.info().serial()).isPositive();
    }
    try (Listener listener = transport.listen(Endpoint.parse("fd:" + pair[1]))) {
      listener.accept(soon()).close();
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))))
          .isInstanceOf(ChannelException.TimedOut.class);
    }
  }

  @Test
  void aListenerThatAcceptedNothingReleasesItsDescriptor() throws Exception {
    int[] pair = descriptors.unixPair();
    transport.listen(Endpoint.parse("fd:" + pair[0])).close();
    try (Channel other = accept(pair[1])) {
      assertThat(other.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
  }

  @Test
  void refusesWhatIsNoChannel() throws Exception {
    int datagram = descriptors.keep(Libc.socket(Libc.AF_UNIX, Libc.SOCK_DGRAM));
    int loose = descriptors.keep(Libc.socket(Libc.AF_INET, Libc.SOCK_STREAM));
    int directory = descriptors.keep(Libc.open(scratch.toString(), Libc.O_RDONLY, 0));
    int device = descriptors.keep(Libc.open("/dev/null", Libc.O_RDWR, 0));
    int event = descriptors.keep(Libc.eventfd(0));
    int own = descriptors.keep(Libc.open("/dev/null", Libc.O_RDWR | Libc.O_CLOEXEC, 0));
    Map<Integer, String> reasons =
        Map.of(
            datagram,
            "no stream socket",
            loose,
            "not connected",
            directory,
            "is a directory",
            device,
            "device",
            event,
            "no socket, pipe or file",
            own,
            "not inherited",
            2,
            "messages",
            1_000_000,
            "not open");
    reasons.forEach(
        (fd, reason) -> {
          assertThatThrownBy(() -> dial(fd))
              .isInstanceOf(ChannelException.Refused.class)
              .hasMessageContaining(reason);
          assertThatThrownBy(() -> accept(fd))
              .isInstanceOf(ChannelException.Refused.class)
              .hasMessageContaining(reason);
        });
    Libc.close(own);
  }

  @Test
  void systemdsNamesAreNumbers() {
    Map<String, String> environment =
        Map.of("LISTEN_PID", "77", "LISTEN_FDS", "4", "LISTEN_FDNAMES", "qmp:migration:x:x");
    ActivatedNames names = ActivatedNames.of(environment, 77);
    assertThat(names.number(Endpoint.parse("fd:migration"))).isEqualTo(4);
    assertThat(names.number(Endpoint.parse("fd:12"))).isEqualTo(12);
    assertThatThrownBy(() -> names.number(Endpoint.parse("fd:x")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("several");
    assertThatThrownBy(() -> names.number(Endpoint.parse("fd:y")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("qmp, migration");
    assertThat(ActivatedNames.of(environment, 78).names()).isEmpty();
    assertThat(ActivatedNames.of(Map.of("LISTEN_PID", "77", "LISTEN_FDS", "1"), 77).names())
        .containsExactly("unknown");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fd:", "fd:nobody", "fd:-1", "fd:3?send-buffer=1"})
  void refusesWhatMakesNoSense(String uri) {
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class);
    assertThatThrownBy(() -> transport.listen(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class);
  }
}
