package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.TestCredentials;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a handshake costs others, how it ends, and what is left of it. */
final class TlsHandshakeTest {
  private static final int HALF_OPEN = 200;

  private final Path scratch;
  private final String settings;

  TlsHandshakeTest(@TempDir Path scratch) {
    this.scratch = scratch;
    this.settings = TestUris.x509(scratch, "");
  }

  private Listener listen() throws ChannelException {
    return Transports.load().listen(Endpoint.parse("tls:127.0.0.1:0?" + settings));
  }

  private static int port(Listener listener) {
    String address = listener.local().address();
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  private static byte[] begun(int i) {
    byte[] hello = new byte[300];
    System.arraycopy(new byte[] {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3}, 0, hello, 0, 11);
    return Arrays.copyOf(hello, i % hello.length);
  }

  @Test
  void halfOpenHandshakesDoNotHoldUpATransfer() throws Exception {
    byte[] bytes = new byte[1 << 20];
    List<Socket> silent = new ArrayList<>();
    try (Listener listener = listen();
        Dialer dialer = Transports.load().dialer(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
      try (Channel out = dialer.dial(Pair.soon());
          Channel in = accepting.result()) {
        long before = nativeBytes();
        for (int i = 0; i < HALF_OPEN; i++) {
          Socket socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port(listener));
          silent.add(socket);
          socket.getOutputStream().write(begun(i));
          if (i % 20 == 0) {
            Io.send(out, bytes);
            assertThat(Io.receive(in, bytes.length)).hasSize(bytes.length);
          }
        }
        // One more gets in although the others wait before it.
        Task<Channel> second = Task.start("accept", () -> listener.accept(Pair.soon()));
        try (Channel more = dialer.dial(Pair.soon());
            Channel there = second.result()) {
          Io.send(more, new byte[] {5});
          assertThat(Io.receive(there, 1)).containsExactly(5);
        }
        assertThat(nativeBytes() - before)
            .as("kilobytes for " + HALF_OPEN + " that wait")
            .isLessThan(64 << 10);
        out.close();
        assertThat(in.read(ByteBuffer.allocate(1))).isEqualTo(-1);
      }
    } finally {
      for (Socket socket : silent) {
        socket.close();
      }
    }
  }

  /** What this process has in memory, in kilobytes. */
  private static long nativeBytes() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new AssertionError("The kernel does not say");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 5, 100})
  void whoTakesTooLongIsGivenUp(int bytes) throws Exception {
    try (Wire wire = new Wire()) {
      Io.send(wire.dialled(), begun(bytes));
      assertThatThrownBy(
              () ->
                  Wire.wrapping(settings, Layer.Side.ACCEPTING)
                      .wrap(wire.accepted(), Deadline.after(Duration.ofMillis(50)))
                      .close())
          .isInstanceOf(ChannelException.TimedOut.class)
          .hasMessageContaining("was not done in time");
    }
  }

  @Test
  void aServerThatSaysNothingIsGivenUp() throws Exception {
    try (Wire wire = new Wire()) {
      assertThatThrownBy(
              () ->
                  Wire.wrapping(settings, Layer.Side.DIALLING)
                      .wrap(wire.dialled(), Deadline.after(Duration.ofMillis(50)))
                      .close())
          .isInstanceOf(ChannelException.TimedOut.class);
    }
  }

  @Test
  void abortEndsAHandshakeOfEitherSide() throws Exception {
    Exception reason = new Exception("The reason this test aborts for");
    try (Wire wire = new Wire();
        Wire other = new Wire()) {
      Task<Channel> dialling = wire.dial(settings);
      Task<Channel> accepting = other.accept(settings);
      dialling.awaitBlocked();
      accepting.awaitBlocked();
      wire.dialled().abort(reason);
      other.accepted().abort(reason);
      assertThat(dialling.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
      assertThat(accepting.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    }
  }

  @Test
  void channelsAreAcceptedInTheOrderInWhichTheyWereDialled() throws Exception {
    List<Channel> open = new ArrayList<>();
    try (Listener listener = listen();
        Dialer dialer = Transports.load().dialer(listener.local())) {
      Task<List<Channel>> accepting =
          Task.start(
              "accept",
              () -> {
                List<Channel> accepted = new ArrayList<>();
                for (int i = 0; i < 16; i++) {
                  accepted.add(listener.accept(Pair.soon()));
                }
                return accepted;
              });
      for (int i = 0; i < 16; i++) {
        Channel channel = dialer.dial(Pair.soon());
        open.add(channel);
        Io.send(channel, new byte[] {(byte) i});
      }
      List<Channel> accepted = accepting.result();
      open.addAll(accepted);
      for (int i = 0; i < 16; i++) {
        assertThat(Io.receive(accepted.get(i), 1)).containsExactly(i);
      }
    } finally {
      for (Channel channel : open) {
        channel.close();
      }
    }
  }

  @Test
  void newCredentialsNeedNoRestart() throws Exception {
    Path directory = TestCredentials.in(scratch.resolve("first")).host("hosta");
    String uri = "tls:127.0.0.1:0?tls-hostname=hosta&tls-creds=" + directory;
    Path moved = scratch.resolve("moved");
    try (Listener listener = Transports.load().listen(Endpoint.parse(uri));
        Dialer dialer = Transports.load().dialer(listener.local())) {
      exchange(listener, dialer);
      Files.move(directory, moved);
      Files.move(TestCredentials.in(scratch.resolve("next"), "Next CA").host("hosta"), directory);
      exchange(listener, dialer);
    }
  }

  private static void exchange(Listener listener, Dialer dialer) throws Exception {
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    try (Channel out = dialer.dial(Pair.soon());
        Channel in = accepting.result()) {
      Io.send(out, new byte[] {1});
      assertThat(Io.receive(in, 1)).containsExactly(1);
    }
  }

  @Test
  void nothingIsLeftOfHandshakesThatFail() throws Exception {
    String stranger =
        "tls-hostname=hosta&tls-creds="
            + TestCredentials.in(scratch.resolve("other"), "Other CA").host("hosta");
    for (int i = 0; i < 3; i++) {
      fail(stranger);
    }
    Leaks leaks = Leaks.baseline(scratch);
    for (int i = 0; i < 15; i++) {
      fail(stranger);
    }
    leaks.awaitNone();
  }

  private void fail(String stranger) throws Exception {
    try (Wire wire = new Wire()) {
      Task<Channel> dialling = wire.dial(stranger);
      assertThat(wire.accept(settings).failure()).isInstanceOf(ChannelException.Untrusted.class);
      assertThat(dialling.failure()).isInstanceOf(ChannelException.Untrusted.class);
    }
    try (Wire wire = new Wire()) {
      Task<Channel> accepting = wire.accept(settings);
      accepting.awaitBlocked();
      wire.dialled().close();
      assertThat(accepting.failure()).isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void aListenerThatIsClosedLeavesNoHandshakeBehind() throws Exception {
    List<Socket> silent = new ArrayList<>();
    Leaks leaks = Leaks.baseline(scratch);
    try (Listener listener = listen()) {
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ZERO)))
          .isInstanceOf(ChannelException.TimedOut.class);
      for (int i = 0; i < 20; i++) {
        Socket socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port(listener));
        silent.add(socket);
        socket.getOutputStream().write(begun(100));
      }
      Await.until(
          "handshakes have begun",
          () ->
              Leaks.liveThreads(scratch).stream().filter(t -> t.contains("godwit-wrap")).count()
                  == 20);
    }
    for (Socket socket : silent) {
      socket.close();
    }
    leaks.awaitNone();
  }

  @Test
  void aServersNameIsAskedForWhereNoHostIsDialled() {
    Endpoint endpoint = Endpoint.parse("unix:/run/x.sock?tls-creds=" + scratch.resolve("hosta"));
    assertThatThrownBy(() -> Transports.load().dialer(endpoint).close())
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("tls-hostname");
  }

  @Test
  void aChannelOfOneDirectionCannotCarryTls() {
    Endpoint endpoint = Endpoint.parse("file:" + scratch.resolve("image") + "?" + settings);
    assertThatThrownBy(
            () -> {
              try (Dialer dialer = Transports.load().dialer(endpoint)) {
                dialer.dial(Pair.soon()).close();
              }
            })
        .isInstanceOf(ChannelException.Unsupported.class)
        .hasMessageContaining("both ways");
  }
}
