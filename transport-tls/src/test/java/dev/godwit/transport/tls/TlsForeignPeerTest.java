package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import dev.godwit.transport.tls.credentials.TestCredentials;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Peers that are no Godwit: they offer no protocol of ours, and end as they like. */
final class TlsForeignPeerTest {
  private final TestCredentials authority;
  private final Path directory;
  private final List<AutoCloseable> open = new ArrayList<>();

  TlsForeignPeerTest(@TempDir Path scratch) {
    this.authority = TestCredentials.in(scratch);
    this.directory = authority.host("hosta");
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable opened : open) {
      opened.close();
    }
  }

  private <T extends AutoCloseable> T keep(T opened) {
    open.addFirst(opened);
    return opened;
  }

  private static SSLContext context(Path directory, Side side) throws Exception {
    char[] password = "test".toCharArray();
    X509Credentials own = TestCredentials.unchecked(directory, side, true);
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(null, password);
    keys.setKeyEntry(
        "own", own.key().orElseThrow(), password, own.chain().toArray(Certificate[]::new));
    keys.setCertificateEntry("authority", own.authorities().certificates().getFirst());
    KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
    managers.init(keys, password);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(keys);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private Listener listen(String more) throws ChannelException {
    return keep(
        Transports.load().listen(Endpoint.parse("tls:127.0.0.1:0?tls-creds=" + directory + more)));
  }

  private static int port(Listener listener) {
    String address = listener.local().address();
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  /** A client whose socket beneath can be closed on its own. */
  private SSLSocket client(Socket beneath, String version) throws Exception {
    SSLSocket socket =
        (SSLSocket)
            context(directory, Side.CLIENT)
                .getSocketFactory()
                .createSocket(beneath, "127.0.0.1", beneath.getPort(), false);
    socket.setEnabledProtocols(new String[] {version});
    return keep(socket);
  }

  private Socket connect(int port) throws IOException {
    return keep(new Socket(InetAddress.ofLiteral("127.0.0.1"), port));
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void anEndWithoutCloseNotifyIsAnEndThatNobodyConfirms(String version) throws Exception {
    Listener listener = listen("");
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    Socket beneath = connect(port(listener));
    SSLSocket client = client(beneath, version);
    client.getOutputStream().write(new byte[] {1, 2, 3});
    Channel in = keep(accepting.result());
    beneath.shutdownOutput();
    assertThat(Io.drain(in)).containsExactly(1, 2, 3);
    assertThat(in.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    assertThat(in.stats().unconfirmedEnd()).isTrue();
    Io.send(in, new byte[] {9});
    assertThat(client.getInputStream().read()).isEqualTo(9);
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void anEndWithCloseNotifyIsConfirmed(String version) throws Exception {
    Listener listener = listen("");
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    SSLSocket client = client(connect(port(listener)), version);
    client.getOutputStream().write(new byte[] {1, 2, 3});
    Channel in = keep(accepting.result());
    assertThat(Io.receive(in, 3)).containsExactly(1, 2, 3);
    Task<Integer> ending = Task.start("read", () -> in.read(ByteBuffer.allocate(1)));
    client.shutdownOutput();
    assertThat(ending.result()).isEqualTo(-1);
    assertThat(in.stats().unconfirmedEnd()).isFalse();
  }

  @Test
  void aPeerThatIsGoneBeforeCloseNotifyHasMissedNothing() throws Exception {
    Listener listener = listen("");
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    Socket beneath = connect(port(listener));
    SSLSocket client = client(beneath, "TLSv1.3");
    client.startHandshake();
    Channel out = accepting.result();
    Io.send(out, new byte[] {1});
    assertThat(client.getInputStream().read()).isEqualTo(1);
    beneath.close();
    assertThat(out.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    out.shutdownOutput();
    out.close();
  }

  @Test
  void renegotiationIsRefused() throws Exception {
    Listener listener = listen("");
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    SSLSocket client = client(connect(port(listener)), "TLSv1.2");
    client.getOutputStream().write(1);
    Channel in = keep(accepting.result());
    assertThat(Io.receive(in, 1)).containsExactly(1);
    Task<Integer> reading = Task.start("read", () -> in.read(ByteBuffer.allocate(1)));
    client.startHandshake();
    client.getOutputStream().write(2);
    assertThat(reading.failure())
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("renegotiate");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-tls1", "-tls1_1", "-tls1_2 -cipher AES128-SHA", "-tls1_2 -cipher NULL"})
  void whatIsTooWeakIsRefused(String offer) throws Exception {
    Listener listener = listen("");
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
    List<String> command =
        new ArrayList<>(
            List.of(
                "openssl",
                "s_client",
                "-connect",
                "127.0.0.1:" + port(listener),
                "-cert",
                directory.resolve("client-cert.pem").toString(),
                "-key",
                directory.resolve("client-key.pem").toString()));
    List<String> words =
        List.of((offer.contains("-cipher") ? offer : offer + " -cipher ALL").split(" "));
    command.addAll(words);
    command.set(command.size() - 1, command.getLast() + ":@SECLEVEL=0");
    Process openssl =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .start();
    String said = new String(openssl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(openssl.waitFor(10, TimeUnit.SECONDS)).isTrue();
    assertThat(said).as("what %s offers is refused", command).contains("lert");
    assertThat(accepting.isDone()).isFalse();
    listener.close();
    assertThat(accepting.failure()).isInstanceOf(ChannelException.Aborted.class);
  }

  @Test
  void aServerThatEndsWithoutAWordMayNotTrustThisSide() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
      Task<Boolean> serving =
          Task.start(
              "serve",
              () -> {
                Socket beneath = keep(server.accept());
                SSLSocket socket =
                    (SSLSocket)
                        context(directory, Side.SERVER)
                            .getSocketFactory()
                            .createSocket(beneath, beneath.getInputStream(), false);
                socket.setUseClientMode(false);
                socket.startHandshake();
                beneath.setSoLinger(true, 0);
                beneath.close();
                return true;
              });
      Endpoint target =
          Endpoint.parse(
              "tls:127.0.0.1:"
                  + server.getLocalPort()
                  + "?tls-hostname=hosta&tls-creds="
                  + directory);
      try (var dialer = Transports.load().dialer(target)) {
        Channel out = keep(dialer.dial(Pair.soon()));
        assertThat(serving.result()).isTrue();
        assertThatThrownBy(
                () -> {
                  while (true) {
                    Io.send(out, new byte[1 << 16]);
                  }
                })
            .isInstanceOf(ChannelException.Lost.class)
            .hasMessageContaining("as a TLS server does that does not trust this side");
      }
    }
  }

  @Test
  void aServerWithoutOurProtocolNeedsNoGreeting() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
      Task<Integer> serving =
          Task.start(
              "serve",
              () -> {
                Socket beneath = keep(server.accept());
                SSLSocket socket =
                    (SSLSocket)
                        context(directory, Side.SERVER)
                            .getSocketFactory()
                            .createSocket(beneath, beneath.getInputStream(), false);
                socket.setUseClientMode(false);
                InputStream in = socket.getInputStream();
                int read = in.read();
                socket.getOutputStream().write(read + 1);
                return read;
              });
      Endpoint target =
          Endpoint.parse(
              "tls:127.0.0.1:"
                  + server.getLocalPort()
                  + "?tls-hostname=hosta&tls-creds="
                  + directory);
      try (var dialer = Transports.load().dialer(target);
          Channel out = dialer.dial(Pair.soon())) {
        Io.send(out, new byte[] {4});
        assertThat(Io.receive(out, 1)).containsExactly(5);
        assertThat(serving.result()).isEqualTo(4);
      }
    }
  }
}
