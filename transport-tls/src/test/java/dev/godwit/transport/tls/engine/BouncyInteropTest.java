package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Against GnuTLS, which is QEMU's TLS, in QEMU's own words, and against OpenSSL. */
@Timeout(30)
final class BouncyInteropTest {
  /** QEMU's priorities for its credentials (qemu-wire.md §7). */
  private static final String PSK = "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK";

  private static final String ANON = "NORMAL:+ANON-DH";

  private final Seed seed = Seed.of("BouncyInteropTest");
  private final byte[] secret = new byte[32];

  @TempDir Path scratch;

  @BeforeEach
  void chooseSecret() {
    seed.random().nextBytes(secret);
  }

  @Test
  void a_gnutls_server_takes_our_key() throws Exception {
    try (ForeignPeer peer = gnutlsServer(PSK, "--pskpasswd=" + keys("qemu"));
        TlsEngine engine = BouncyEngines.client(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session())
          .isEqualTo(
              new TlsSession(
                  "TLSv1.3", "TLS_AES_128_GCM_SHA256", new PeerIdentity.Named("psk", "qemu"), ""));
      peer.awaitSaid("AES-128-GCM");
      assertEchoes(stream);
    }
  }

  @Test
  void a_gnutls_server_refuses_our_wrong_key() throws Exception {
    byte[] wrong = secret.clone();
    wrong[0]++;
    try (ForeignPeer peer = gnutlsServer(PSK, "--pskpasswd=" + keys("qemu"));
        TlsEngine engine = BouncyEngines.client(key("qemu", wrong))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessageContaining("'qemu'");
    }
  }

  @Test
  void a_gnutls_server_refuses_an_identity_it_does_not_know() throws Exception {
    try (ForeignPeer peer = gnutlsServer(PSK, "--pskpasswd=" + keys("qemu"));
        TlsEngine engine = BouncyEngines.client(key("bob", secret))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessageContaining("'bob'");
    }
  }

  @Test
  void a_gnutls_server_without_keys_is_left() throws Exception {
    try (ForeignPeer peer = gnutlsServer("NORMAL");
        TlsEngine engine = BouncyEngines.client(key("qemu", secret))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessageContaining("does not take the pre-shared key of 'qemu'");
    }
  }

  @Test
  void a_gnutls_client_proves_its_key_to_us() throws Exception {
    byte[] text = text(200_000);
    try (ForeignPeer peer = gnutlsClient(text, PSK, "--pskusername=qemu", "--pskkey=" + hex());
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session().peer()).isEqualTo(new PeerIdentity.Named("psk", "qemu"));
      assertThat(engine.session().application()).isEmpty();
      assertReads(stream, text, "written back");
      peer.awaitSaid("AES-128-GCM");
    }
  }

  @Test
  void our_protocol_is_agreed_upon_if_it_is_offered_and_another_is_not() throws Exception {
    for (String offered : new String[] {TlsEngines.GODWIT, "h2"}) {
      try (ForeignPeer peer =
              gnutlsClient(
                  text(10), PSK, "--pskusername=qemu", "--pskkey=" + hex(), "--alpn=" + offered);
          TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
        EngineStream stream = new EngineStream(engine, peer).shaken();
        assertThat(engine.session().application())
            .isEqualTo(offered.equals(TlsEngines.GODWIT) ? offered : "");
        assertThat(stream.read(10)).hasSize(10);
      }
    }
  }

  @Test
  void a_gnutls_client_with_a_wrong_key_is_named() throws Exception {
    byte[] wrong = secret.clone();
    wrong[0]++;
    try (ForeignPeer peer =
            gnutlsClient(new byte[0], PSK, "--pskusername=qemu", "--pskkey=" + hex());
        TlsEngine engine = BouncyEngines.server(key("qemu", wrong))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessage("The client has another pre-shared key for 'qemu'");
      peer.awaitSaid("Fatal error");
    }
  }

  @Test
  void an_unknown_gnutls_client_is_named() throws Exception {
    try (ForeignPeer peer =
            gnutlsClient(new byte[0], PSK, "--pskusername=bob", "--pskkey=" + hex());
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessage("The client names a pre-shared key for 'bob', and there is none");
      peer.awaitSaid("Fatal error");
    }
  }

  @Test
  void a_gnutls_client_without_a_key_is_refused() throws Exception {
    try (ForeignPeer peer = gnutlsClient(new byte[0], "NORMAL");
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Untrusted.class)
          .hasMessage("The client offers no pre-shared key");
      peer.awaitSaid("Fatal error");
    }
  }

  @Test
  void a_gnutls_server_takes_us_anonymous() throws Exception {
    try (ForeignPeer peer = gnutlsServer(ANON);
        TlsEngine engine = BouncyEngines.client(new AnonCredentials())) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session())
          .isEqualTo(
              new TlsSession(
                  "TLSv1.2",
                  "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
                  new PeerIdentity.Unknown(),
                  ""));
      assertEchoes(stream);
    }
  }

  @Test
  void a_gnutls_server_of_certificates_refuses_us_anonymous() throws Exception {
    try (ForeignPeer peer = gnutlsServer("NORMAL");
        TlsEngine engine = BouncyEngines.client(new AnonCredentials())) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void an_anonymous_gnutls_client_is_taken() throws Exception {
    byte[] text = text(200_000);
    try (ForeignPeer peer = gnutlsClient(text, ANON);
        TlsEngine engine = BouncyEngines.server(new AnonCredentials())) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session().peer()).isEqualTo(new PeerIdentity.Unknown());
      assertReads(stream, text, "written back");
      peer.awaitSaid("AES-128-GCM");
    }
  }

  @Test
  void an_openssl_server_takes_our_key() throws Exception {
    try (ForeignPeer peer = opensslServer("-psk_identity", "qemu");
        TlsEngine engine = BouncyEngines.client(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session().cipher()).isEqualTo("TLS_AES_128_GCM_SHA256");
      stream.write("abc\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(stream.read(4)).isEqualTo("cba\n".getBytes(StandardCharsets.US_ASCII));
    }
  }

  @Test
  void an_openssl_server_that_lacks_our_group_gets_another_share() throws Exception {
    try (ForeignPeer peer = opensslServer("-psk_identity", "qemu", "-groups", "P-256");
        TlsEngine engine = BouncyEngines.client(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      stream.write("abc\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(stream.read(4)).isEqualTo("cba\n".getBytes(StandardCharsets.US_ASCII));
    }
  }

  @Test
  void an_openssl_client_proves_its_key_to_us() throws Exception {
    byte[] text = text(200_000);
    try (ForeignPeer peer = opensslClient(text, "-psk_identity", "qemu");
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertReads(stream, text, "written back");
      peer.awaitSaid("TLS_AES_128_GCM_SHA256");
    }
  }

  @Test
  void an_openssl_client_is_asked_for_a_share_we_take() throws Exception {
    byte[] text = text(1000);
    try (ForeignPeer peer = opensslClient(text, "-psk_identity", "qemu", "-groups", "X448:P-256");
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThat(engine.session().peer()).isEqualTo(new PeerIdentity.Named("psk", "qemu"));
      assertReads(stream, text, "written back");
    }
  }

  @Test
  void an_openssl_client_without_a_group_we_take_is_refused() throws Exception {
    try (ForeignPeer peer = opensslClient(new byte[0], "-psk_identity", "qemu", "-groups", "X448");
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      assertThatThrownBy(() -> new EngineStream(engine, peer).shaken())
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("with a group that can be taken");
    }
  }

  @Test
  void keys_that_openssl_renews_are_followed_and_renewed_in_turn() throws Exception {
    try (ForeignPeer peer =
            ForeignPeer.typed(
                scratch,
                "openssl",
                "s_client",
                "-connect",
                "127.0.0.1:@PORT@",
                "-tls1_3",
                "-psk",
                hex(),
                "-psk_identity",
                "qemu");
        TlsEngine engine = BouncyEngines.server(key("qemu", secret))) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      for (int round = 0; round < 3; round++) {
        peer.type("K\n");
        peer.awaitSaid("(?s)(KEYUPDATE.*){" + (round + 1) + "}");
        peer.type("in round " + round + "\n");
        assertThat(stream.read(11))
            .asString(StandardCharsets.US_ASCII)
            .isEqualTo("in round " + round + "\n");
        byte[] answer = ("out round " + round + "\n").getBytes(StandardCharsets.US_ASCII);
        byte[] records = BouncyPair.seal(engine, answer);
        assertThat(BouncyPair.records(records)).as("new keys, and the text").hasSize(2);
        peer.out().write(records);
        peer.awaitSaid("out round " + round);
      }
    }
  }

  @Test
  void a_second_handshake_is_refused() throws Exception {
    try (ForeignPeer peer = gnutlsClient(text(10), ANON, "--rehandshake");
        TlsEngine engine = BouncyEngines.server(new AnonCredentials())) {
      EngineStream stream = new EngineStream(engine, peer).shaken();
      assertThatThrownBy(() -> stream.read(1))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage("The peer asked for a second TLS handshake");
    }
  }

  private ForeignPeer gnutlsServer(String priority, String... more) throws IOException {
    String[] command = {"gnutls-serv", "--echo", "--port=@PORT@", "--priority=" + priority};
    return ForeignPeer.server(scratch, with(command, more));
  }

  private ForeignPeer gnutlsClient(byte[] input, String priority, String... more)
      throws IOException {
    String[] command = {
      "gnutls-cli", "--no-ca-verification", "--port=@PORT@", "--priority=" + priority
    };
    return ForeignPeer.client(scratch, input, with(with(command, more), "127.0.0.1"));
  }

  private ForeignPeer opensslServer(String... more) throws IOException {
    String[] command = {
      "openssl",
      "s_server",
      "-accept",
      "127.0.0.1:@PORT@",
      "-nocert",
      "-tls1_3",
      "-rev",
      "-psk",
      hex(),
      "-ciphersuites",
      "TLS_AES_128_GCM_SHA256"
    };
    return ForeignPeer.server(scratch, with(command, more));
  }

  private ForeignPeer opensslClient(byte[] input, String... more) throws IOException {
    String[] command = {
      "openssl", "s_client", "-connect", "127.0.0.1:@PORT@", "-tls1_3", "-psk", hex(), "-nocommands"
    };
    return ForeignPeer.client(scratch, input, with(command, more));
  }

  private static String[] with(String[] command, String... more) {
    String[] all = Arrays.copyOf(command, command.length + more.length);
    System.arraycopy(more, 0, all, command.length, more.length);
    return all;
  }

  /** A file of GnuTLS and QEMU, with this test's secret for one user. */
  private Path keys(String user) throws IOException {
    Path file = scratch.resolve("keys.psk");
    Files.writeString(file, "somebody:00ff\n" + user + ":" + hex() + "\n");
    return file;
  }

  private static Credentials key(String identity, byte[] key) {
    return BouncyPair.keys(new PreSharedKey(identity, key.clone()));
  }

  private String hex() {
    return HexFormat.of().formatHex(secret);
  }

  private byte[] text(int length) {
    Random random = seed.random(length);
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = (byte) ('a' + random.nextInt(26));
    }
    text[length - 1] = '\n';
    return text;
  }

  private void assertEchoes(EngineStream stream) throws IOException {
    for (int length : new int[] {2, 100, 5000, 12_000}) {
      byte[] text = text(length);
      stream.write(text);
      assertThat(stream.read(length)).isEqualTo(text);
    }
  }

  /** The peer sends all of {@code text}, then ends; this side answers meanwhile. */
  private static void assertReads(EngineStream stream, byte[] text, String answer)
      throws IOException {
    stream.write(answer.getBytes(StandardCharsets.US_ASCII));
    assertThat(stream.read(text.length)).isEqualTo(text);
    assertThat(stream.read(1)).isEmpty();
    assertThat(stream.ended()).isTrue();
  }
}
