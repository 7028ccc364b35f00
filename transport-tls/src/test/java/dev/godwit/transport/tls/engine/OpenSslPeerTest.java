package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The programs of OpenSSL and GnuTLS as the other end. */
final class OpenSslPeerTest {
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");
  private static final TestAuthority OTHER = new TestAuthority("other");
  private static final TestAuthority.Holder OURS = AUTHORITY.host("ours.test");
  private static final TestAuthority.Holder THEIRS = AUTHORITY.host("theirs.test");
  private static final Pattern ACCEPTING = Pattern.compile("ACCEPT 127\\.0\\.0\\.1:(\\d+)");
  private static final String HELLO = "hello from the other house";

  @TempDir Path directory = Path.of("");

  @BeforeEach
  void writesTheirFiles() throws IOException {
    AUTHORITY.write(THEIRS, directory);
  }

  private static TlsEngine server(TlsEngines.Kind kind) throws ChannelException {
    return TlsEngines.server(AUTHORITY.credentials(OURS), Optional.of(kind));
  }

  private static TlsEngine client(TlsEngines.Kind kind) throws ChannelException {
    return TlsEngines.client(
        AUTHORITY.credentials(OURS), Optional.of("theirs.test"), Optional.of(kind));
  }

  private Foreigner openSslClient(ServerSocketChannel listener, String... more) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of("openssl", "s_client", "-connect", "127.0.0.1:" + Wire.port(listener)));
    command.addAll(List.of("-CAfile", "ca.pem", "-cert", "cert.pem", "-key", "key.pem"));
    command.addAll(List.of(more));
    return Foreigner.start(directory, command);
  }

  private Foreigner openSslServer(String... more) throws IOException {
    List<String> command =
        new ArrayList<>(List.of("openssl", "s_server", "-accept", "127.0.0.1:0", "-rev"));
    command.addAll(List.of("-CAfile", "ca.pem", "-cert", "cert.pem", "-key", "key.pem"));
    command.addAll(List.of("-Verify", "3", "-verify_return_error"));
    command.addAll(List.of(more));
    return Foreigner.start(directory, command);
  }

  private static int port(Foreigner server) {
    Matcher accepting = ACCEPTING.matcher("");
    Await.until("it listens", () -> accepting.reset(server.said()).find(), server::said);
    return Integer.parseInt(accepting.group(1));
  }

  private static void sessionIs(Wire wire, String protocol, String cipher) {
    assertThat(wire.engine.session())
        .isEqualTo(
            new TlsSession(
                protocol, cipher, new PeerIdentity.Named("x509", "O=Godwit,CN=theirs.test"), ""));
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void openSslIsOurClientAndRenewsItsKeys(TlsEngines.Kind kind) throws IOException {
    try (ServerSocketChannel listener = Wire.listener();
        Foreigner openssl = openSslClient(listener);
        Wire wire = Wire.accept(listener, openssl, server(kind)).shaken()) {
      // BoringSSL goes by its client's order, but for ChaCha20.
      sessionIs(
          wire,
          "TLSv1.3",
          kind == TlsEngines.Kind.JSSE ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384");
      openssl.type(HELLO);
      assertThat(wire.readText(HELLO.length() + 1)).isEqualTo(HELLO + "\n");
      for (int i = 1; i <= 2; i++) {
        // A key update that asks for one in return, in the words of s_client.
        openssl.type("K");
        int updates = i;
        Await.until("it renews", () -> openssl.said().split("KEYUPDATE").length > updates);
        openssl.type(HELLO);
        assertThat(wire.readText(HELLO.length() + 1)).isEqualTo(HELLO + "\n");
        wire.write("and back " + i + "\n");
        openssl.awaitSaid("and back " + i);
      }
      openssl.type("Q");
      assertThat(wire.read(1)).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void oldOpenSslIsOurClientAndMayNotRenegotiate(TlsEngines.Kind kind) throws IOException {
    try (ServerSocketChannel listener = Wire.listener();
        Foreigner openssl = openSslClient(listener, "-tls1_2");
        Wire wire = Wire.accept(listener, openssl, server(kind)).shaken()) {
      sessionIs(wire, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
      openssl.type(HELLO);
      assertThat(wire.readText(HELLO.length() + 1)).isEqualTo(HELLO + "\n");
      openssl.type("R");
      assertThatThrownBy(() -> wire.read(1))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("renegotiate");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void openSslThatIsTooOldIsRefused(TlsEngines.Kind kind) throws IOException {
    try (ServerSocketChannel listener = Wire.listener();
        Foreigner openssl = openSslClient(listener, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0");
        Wire wire = Wire.accept(listener, openssl, server(kind))) {
      assertThatThrownBy(wire::shaken).isInstanceOf(ChannelException.Violated.class);
      openssl.awaitSaid("protocol version");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void openSslWithoutACertificateIsRefused(TlsEngines.Kind kind) throws IOException {
    try (ServerSocketChannel listener = Wire.listener();
        Foreigner openssl =
            Foreigner.start(
                directory,
                List.of("openssl", "s_client", "-connect", "127.0.0.1:" + Wire.port(listener)));
        Wire wire = Wire.accept(listener, openssl, server(kind))) {
      assertThatThrownBy(wire::shaken)
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessage("The peer showed no certificate");
      openssl.awaitSaid("alert");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void openSslIsOurServerAndItsTicketsAreIgnored(TlsEngines.Kind kind) throws IOException {
    try (Foreigner openssl = openSslServer("-num_tickets", "4");
        Wire wire = Wire.dial(port(openssl), client(kind)).shaken()) {
      sessionIs(wire, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
      wire.write(HELLO + "\n");
      assertThat(wire.readText(HELLO.length() + 1))
          .isEqualTo(new StringBuilder(HELLO).reverse() + "\n");
      wire.part();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void oldOpenSslIsOurServer(TlsEngines.Kind kind) throws IOException {
    try (Foreigner openssl = openSslServer("-tls1_2");
        Wire wire = Wire.dial(port(openssl), client(kind)).shaken()) {
      sessionIs(wire, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
      wire.write(HELLO + "\n");
      assertThat(wire.readText(HELLO.length() + 1))
          .isEqualTo(new StringBuilder(HELLO).reverse() + "\n");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void openSslRefusesUsAndWeSayWhy(TlsEngines.Kind kind) throws IOException {
    TestAuthority.Holder stranger = OTHER.host("stranger.test");
    TlsEngine engine =
        TlsEngines.client(OTHER.credentials(stranger), Optional.empty(), Optional.of(kind));
    OTHER.write(OTHER.host("theirs.test"), directory);
    AUTHORITY.write(
        AUTHORITY.host("unused.test"),
        java.nio.file.Files.createDirectory(directory.resolve("good")));
    try (Foreigner openssl = openSslServer("-CAfile", "good/ca.pem");
        Wire wire = Wire.dial(port(openssl), engine)) {
      assertThatThrownBy(
              () -> {
                wire.shaken();
                wire.read(1);
              })
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessageStartingWith("The peer refused this side's certificate: it does not trust");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsEngines.Kind.class,
      names = {"BORINGSSL", "JSSE"})
  void gnuTlsIsOurClient(TlsEngines.Kind kind) throws IOException {
    // It cannot read keys on elliptic curves as the JDK writes them.
    AUTHORITY.write(AUTHORITY.holder("CN=theirs.test", "theirs.test", "RSA", -1, 1), directory);
    try (ServerSocketChannel listener = Wire.listener();
        Foreigner gnutls =
            Foreigner.start(
                directory,
                List.of(
                    "gnutls-cli",
                    "--x509cafile=ca.pem",
                    "--x509certfile=cert.pem",
                    "--x509keyfile=key.pem",
                    "--verify-hostname=ours.test",
                    "--port=" + Wire.port(listener),
                    "127.0.0.1"));
        Wire wire = Wire.accept(listener, gnutls, server(kind)).shaken()) {
      assertThat(wire.engine.session().protocol()).isEqualTo("TLSv1.3");
      assertThat(wire.engine.session().cipher()).startsWith("TLS_AES_");
      gnutls.type(HELLO);
      assertThat(wire.readText(HELLO.length() + 1)).isEqualTo(HELLO + "\n");
      wire.write("and back\n");
      gnutls.awaitSaid("and back");
      gnutls.typeEnd();
      assertThat(wire.read(1)).isEmpty();
    }
  }
}
