package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.TestCredentials;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is refused, and what either side gets to know of it. */
final class TlsRefusalTest {
  private final Path scratch;
  private final TestCredentials authority;
  private final String hosta;
  private final String hostb;
  private Wire wire;

  TlsRefusalTest(@TempDir Path scratch) {
    this.scratch = scratch;
    this.authority = TestCredentials.in(scratch);
    this.hosta = "tls-creds=" + authority.host("hosta") + "&tls-hostname=hostb";
    this.hostb = "tls-creds=" + authority.host("hostb");
  }

  @BeforeEach
  void open() throws Exception {
    wire = new Wire();
  }

  @AfterEach
  void close() {
    wire.close();
  }

  private void assertRefused(String dialling, String dialler, String accepting, String accepter) {
    Task<Channel> client = wire.dial(dialling);
    Task<Channel> server = wire.accept(accepting);
    assertThat(client.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining(dialler);
    assertThat(server.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining(accepter);
  }

  private void assertAccepted(String dialling, String accepting) throws Exception {
    Task<Channel> client = wire.dial(dialling);
    Task<Channel> server = wire.accept(accepting);
    Io.send(client.result(), new byte[] {7});
    assertThat(Io.receive(server.result(), 1)).containsExactly(7);
  }

  @Test
  void eachSideKnowsTheOther() throws Exception {
    assertAccepted(hosta, hostb);
  }

  @Test
  void anIdentityIsTheSubject() throws Exception {
    Task<Channel> client = wire.dial(hosta);
    Task<Channel> server = wire.accept(hostb);
    assertThat(client.result().info().identity())
        .isEqualTo(new PeerIdentity.Named("x509", "CN=hostb"));
    assertThat(server.result().info().identity())
        .isEqualTo(new PeerIdentity.Named("x509", "CN=hosta"));
    assertThat(client.result().info().remote().scheme()).isEqualTo("tls");
  }

  @Test
  void aServerOfAnotherAuthority() {
    String stranger =
        "tls-creds=" + TestCredentials.in(scratch.resolve("other"), "Other CA").host("hostb");
    assertRefused(hosta, "CN=hostb", stranger, "authority");
  }

  @Test
  void aServerOfAnotherName() {
    assertRefused(
        hosta + "&tls-authz=CN=hostb", "hostb", "tls-creds=" + authority.host("hostc"), "refused");
  }

  @Test
  void aClientWithoutCertificate() {
    String nobody = "tls-creds=" + authority.authorityOnly("nobody") + "&tls-hostname=hostb";
    assertRefused(nobody, "certificate", hostb, "certificate");
  }

  @Test
  void aClientWhoseCertificateIsRevoked() {
    Path server = authority.host("hostr");
    authority.revoke(server, scratch.resolve("hosta"));
    String dialling = hosta.replace("tls-hostname=hostb", "tls-hostname=hostr");
    assertRefused(dialling, "revoked", "tls-creds=" + server, "revoked");
  }

  @Test
  void aClientThatIsNotAmongThoseLetIn() {
    assertRefused(
        hosta,
        "refuses this side: Peer x509 CN=hosta is not among those that tls-authz lets in",
        hostb + "&tls-authz=CN=hostz&tls-authz=CN=hosta,O=Other",
        "Peer x509 CN=hosta is not among those that tls-authz lets in");
  }

  @Test
  void aClientThatIsAmongThoseLetIn() throws Exception {
    assertAccepted(hosta, hostb + "&tls-authz=CN=hostz&tls-authz=cn = hosta");
  }

  @Test
  void aServerThatIsNotAmongThoseLetIn() {
    Task<Channel> client = wire.dial(hosta + "&tls-authz=CN=hostz");
    wire.accept(hostb);
    assertThat(client.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessage("Peer x509 CN=hostb is not among those that tls-authz lets in");
  }

  @Test
  void aKeyThatIsAnother() {
    Path server = TestCredentials.pskText(scratch.resolve("one"), "qemu:00112233\n");
    Path client = TestCredentials.pskText(scratch.resolve("two"), "qemu:00112244\n");
    Task<Channel> dialling = wire.dial("tls-creds=" + client);
    Task<Channel> accepting = wire.accept("tls-creds=" + server);
    assertThat(dialling.failure()).isInstanceOf(ChannelException.Untrusted.class);
    assertThat(accepting.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("qemu");
  }

  @Test
  void anIdentityOfAKeyThatIsUnknown() {
    Path server = TestCredentials.psk(scratch.resolve("one"), "qemu");
    Path client = TestCredentials.psk(scratch.resolve("two"), "eve");
    Task<Channel> dialling = wire.dial("tls-creds=" + client + "&tls-username=eve");
    Task<Channel> accepting = wire.accept("tls-creds=" + server);
    assertThat(dialling.failure()).isInstanceOf(ChannelException.Untrusted.class);
    assertThat(accepting.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("eve");
  }

  @Test
  void anIdentityOfAKeyThatIsNotLetIn() {
    String psk = "tls-creds=" + TestCredentials.psk(scratch.resolve("one"), "qemu", "hosta");
    assertRefused(
        psk + "&tls-username=hosta", "psk hosta", psk + "&tls-authz=qemu", "Peer psk hosta");
  }

  @Test
  void whoeverProvesNothingWhereSomeAreLetInOnly() {
    assertRefused("tls=anon", "proves no identity", "tls=anon&tls-authz=qemu", "no identity");
  }

  @ParameterizedTest
  @ValueSource(strings = {"QEVM\0\0\0\3", "\u0011\"3D\0\0\0\1"})
  void aMigrationInClear(String begin) throws Exception {
    Task<Channel> server = wire.accept(hostb);
    Io.send(wire.dialled(), begin.getBytes(StandardCharsets.ISO_8859_1));
    assertThat(server.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("speaks a migration in clear, but TLS is asked for here");
  }

  @Test
  void somethingElseThanTls() throws Exception {
    Task<Channel> server = wire.accept(hostb);
    Io.send(wire.dialled(), "GET / HTTP/1.1".getBytes(StandardCharsets.US_ASCII));
    assertThat(server.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("speaks no TLS, its first bytes are 47 45 54 20 2f");
  }

  @Test
  void aServerThatSpeaksSomethingElse() throws Exception {
    Task<Channel> client = wire.dial(hosta);
    Io.send(wire.accepted(), "220 ready".getBytes(StandardCharsets.US_ASCII));
    assertThat(client.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("speaks no TLS");
  }

  @Test
  void aFirstRecordThatIsTooLong() throws Exception {
    Task<Channel> server = wire.accept(hostb);
    Io.send(wire.dialled(), new byte[] {22, 3, 1, (byte) 0xff, (byte) 0xff});
    assertThat(server.failure())
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("65535 bytes");
  }

  @Test
  void garbageInsteadOfAClientHello() throws Exception {
    Task<Channel> server = wire.accept(hostb);
    byte[] garbage = new byte[5 + 512];
    System.arraycopy(new byte[] {22, 3, 1, 2, 0, 1, 0, 1}, 0, garbage, 0, 8);
    Io.send(wire.dialled(), garbage);
    assertThat(server.failure()).isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void aHandshakeMessageThatIsTooLong() throws Exception {
    Task<Channel> server = wire.accept(hostb);
    byte[] record = new byte[5 + 16384];
    System.arraycopy(
        new byte[] {22, 3, 1, 0x40, 0, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff}, 0, record, 0, 9);
    Task<Boolean> sending =
        Task.start(
            "send",
            () -> {
              for (int i = 0; i < 100; i++) {
                Io.send(wire.dialled(), record);
              }
              return true;
            });
    assertThat(server.failure()).isInstanceOf(ChannelException.Violated.class);
    assertThat(sending.endsWithoutBlocking()).isTrue();
  }

  @Test
  void aPeerThatEndsInTheMiddle() throws Exception {
    Task<Channel> client = wire.dial(hosta);
    client.awaitBlocked();
    wire.accepted().close();
    assertThat(client.failure())
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageContaining("during the TLS handshake");
  }

  @Test
  void credentialsThatAreGoneByThen() throws Exception {
    Path server = authority.host("gone");
    Layer.Wrapping wrapping = Wire.wrapping("tls-creds=" + server, Layer.Side.ACCEPTING);
    Files.delete(server.resolve("server-key.pem"));
    Task<Channel> accepting =
        Task.start("accept", () -> wrapping.wrap(wire.accepted(), Pair.soon()));
    Task<Channel> dialling = wire.dial(hosta);
    assertThat(accepting.failure())
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("server-key.pem");
    wire.accepted().close();
    assertThat(dialling.failure()).isInstanceOf(ChannelException.Lost.class);
  }

  @Test
  void aSubjectThatIsNoneIsSaidAtOnce() {
    assertThatThrownBy(() -> Wire.wrapping(hostb + "&tls-authz=hosta", Layer.Side.ACCEPTING))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("'hosta'");
  }

  @Test
  void namesOfEitherOrderAreTheSame() throws Exception {
    for (String name : List.of("CN=h,O=Org,C=DE", "C=DE, O=Org, CN=h", "c=de,o=org,cn=H")) {
      new AllowedPeers(List.of(name)).check(new PeerIdentity.Named("x509", "CN=h,O=Org,C=DE"));
    }
    for (String name : List.of("CN=h,O=Org", "O=Org,CN=h,C=DE", "h", "CN=h\\,O=Org\\,C=DE")) {
      assertThatThrownBy(
              () ->
                  new AllowedPeers(List.of(name))
                      .check(new PeerIdentity.Named("x509", "CN=h,O=Org,C=DE")))
          .as(name)
          .isInstanceOf(ChannelException.Untrusted.class);
    }
  }
}
