package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import dev.godwit.transport.tls.credentials.CredentialsMaker.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What OpenSSL and GnuTLS write is read here, and what is made here they take for good. */
final class OtherToolsTest {
  @TempDir static Path root = Path.of("");

  private static Path authority = root;

  @TempDir Path own = Path.of("");

  @BeforeAll
  static void make() throws Exception {
    authority = OpenSsl.authority(root.resolve("openssl"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rsa:2048",
        "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384",
        "ed25519"
      })
  void keysOfOpenSslAreRead(String kind) throws Exception {
    Path host = OpenSsl.host(authority, "host-" + kind.hashCode(), kind, "-sha256");

    assertThat(server(host, Optional.empty()).key()).isPresent();
  }

  @Test
  void oldFormsOfOpenSslAreRead() throws Exception {
    Path rsa = OpenSsl.host(authority, "old-rsa", "rsa:2048", "-sha256");
    Path curve =
        OpenSsl.host(authority, "old-ec", "ec -pkeyopt ec_paramgen_curve:P-256", "-sha256");
    converted(rsa, "openssl rsa -traditional -in server-key.pem -out new.pem");
    converted(curve, "openssl ec -in server-key.pem -out new.pem");

    assertThat(rsa.resolve("server-key.pem")).content().contains("BEGIN RSA PRIVATE KEY");
    assertThat(curve.resolve("server-key.pem")).content().contains("BEGIN EC PRIVATE KEY");
    assertThat(server(rsa, Optional.empty()).key()).isPresent();
    assertThat(server(curve, Optional.empty()).key()).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "openssl pkcs8 -topk8 -v2 aes-256-cbc -in server-key.pem -out new.pem",
        "openssl pkcs8 -topk8 -scrypt -in server-key.pem -out new.pem"
      })
  void encryptedKeysAreReadWithTheirPasswordOnly(String command) throws Exception {
    Path host =
        OpenSsl.host(
            authority,
            "encrypted-" + command.hashCode(),
            "ec -pkeyopt ec_paramgen_curve:P-256",
            "-sha256");
    converted(host, command + " -passout pass:corréct");
    Path right = TestCredentials.secret(own.resolve("right"), "corréct\n");
    Path wrong = TestCredentials.secret(own.resolve("wrong"), "incorrect");
    Path key = host.resolve("server-key.pem");

    assertThat(server(host, Optional.of(right)).key()).isPresent();
    assertThatThrownBy(() -> server(host, Optional.of(wrong)))
        .isInstanceOf(CredentialsException.class)
        .hasMessage("The password in %s does not open the key %s", wrong, key)
        .hasNoCause();
    assertThatThrownBy(() -> server(host, Optional.empty()))
        .isInstanceOf(CredentialsException.class)
        .hasMessage(
            "Key %s is encrypted: name the file of its password with tls-password-file", key);
    Files.setPosixFilePermissions(right, PosixFilePermissions.fromString("rw-r--r--"));
    assertThatThrownBy(() -> server(host, Optional.of(right)))
        .isInstanceOf(CredentialsException.class)
        .hasMessageEndingWith("(mode 0644): chmod 600 " + right);
  }

  @Test
  void oldEncryptionIsRefusedWithTheCommandThatConvertsIt() throws Exception {
    Path host = OpenSsl.host(authority, "legacy", "rsa:2048", "-sha256");
    converted(
        host, "openssl rsa -traditional -aes128 -passout pass:x -in server-key.pem -out new.pem");
    Path key = host.resolve("server-key.pem");

    assertThatThrownBy(() -> server(host, Optional.empty()))
        .isInstanceOf(CredentialsException.class)
        .hasMessageEndingWith("openssl pkcs8 -topk8 -in " + key + " -out NEW writes a better one");
  }

  @Test
  void whatCerttoolMakesIsRead() throws Exception {
    Files.writeString(
        own.resolve("ca.cfg"), "cn = GnuTLS CA\nca\ncert_signing_key\nexpiration_days = 2\n");
    Files.writeString(
        own.resolve("server.cfg"),
        """
        cn = hosta
        dns_name = hosta
        ip_address = 192.0.2.1
        tls_www_server
        encryption_key
        signing_key
        expiration_days = 2
        """);
    OpenSsl.run(own, "certtool --generate-privkey --outfile ca-key.pem");
    OpenSsl.run(
        own,
        "certtool --generate-self-signed --load-privkey ca-key.pem --template ca.cfg"
            + " --outfile ca-cert.pem");
    OpenSsl.run(own, "certtool --generate-privkey --key-type ecdsa --outfile server-key.pem");
    OpenSsl.run(
        own,
        "certtool --generate-certificate --load-ca-certificate ca-cert.pem --load-ca-privkey"
            + " ca-key.pem --load-privkey server-key.pem --template server.cfg --outfile"
            + " server-cert.pem");
    OpenSsl.run(own, "psktool -u alice -p keys.psk");
    OpenSsl.run(own, "psktool -u bob -s 64 -p keys.psk");

    X509Credentials read = server(own, Optional.empty());
    read.authorities().verifyServer(read.chain(), Optional.of("hosta"));
    read.authorities().verifyServer(read.chain(), Optional.of("192.0.2.1"));
    try (PskCredentials keys = new CredentialsDirectory(own).psk(Side.SERVER, "")) {
      assertThat(keys.keys())
          .extracting(PreSharedKey::identity)
          .containsExactlyInAnyOrder("alice", "bob");
      assertThat(keys.keys()).extracting(k -> k.key().length).containsExactlyInAnyOrder(32, 64);
    }
  }

  @Test
  void whatIsMadeHereIsGoodForOpenSslAndGnuTls() throws Exception {
    List<Path> hosts =
        new CredentialsMaker(own.resolve("pki"))
            .x509(List.of(Host.parse("hosta=192.0.2.1=2001:db8::1"), Host.parse("localhost")), 30);

    assertThat(hosts)
        .containsExactly(
            own.resolve("pki").resolve("hosta"), own.resolve("pki").resolve("localhost"));
    for (Path host : hosts) {
      for (String role : List.of("server", "client")) {
        String certificate = role + "-cert.pem";
        assertThat(
                OpenSsl.run(
                    host,
                    "openssl verify -x509_strict -purpose ssl"
                        + role
                        + " -CAfile ca-cert.pem "
                        + certificate))
            .contains(certificate + ": OK");
        assertThat(
                OpenSsl.run(
                    host,
                    "certtool --verify --load-ca-certificate ca-cert.pem --infile " + certificate))
            .contains("Chain verification output: Verified. The certificate is trusted.");
        String ofKey = OpenSsl.run(host, "openssl pkey -pubout -in " + role + "-key.pem");
        assertThat(OpenSsl.run(host, "openssl x509 -noout -pubkey -in " + certificate))
            .isEqualTo(ofKey);
        assertThat(OpenSsl.run(host, "certtool --key-info --infile " + role + "-key.pem"))
            .contains("EC/ECDSA");
      }
      assertThat(server(host, Optional.empty()).key()).isPresent();
      assertThat(mode(host)).isEqualTo("rwx------");
      assertThat(mode(host.resolve("server-key.pem"))).isEqualTo("rw-------");
    }
    assertThat(
            OpenSsl.run(
                hosts.getFirst(),
                "openssl verify -verify_hostname hosta -CAfile ca-cert.pem server-cert.pem"))
        .contains("OK");
    assertThat(
            OpenSsl.run(
                hosts.getFirst(),
                "openssl verify -verify_ip 2001:db8::1 -CAfile ca-cert.pem server-cert.pem"))
        .contains("OK");
  }

  @Test
  void whatIsRevokedHereIsRevokedForOpenSsl() {
    TestCredentials made = TestCredentials.in(own);
    Path good = made.host("good");
    Path bad = made.host("bad");
    made.revoke(good, bad);
    made.revoke(bad, bad);

    assertThat(verifiedWithList(good)).contains("OK");
    assertThatThrownBy(() -> verifiedWithList(bad)).hasMessageContaining("certificate revoked");
  }

  private static String verifiedWithList(Path host) {
    try {
      return OpenSsl.run(
          host,
          "openssl verify -crl_check -CAfile ca-cert.pem -CRLfile ca-crl.pem server-cert.pem");
    } catch (IOException e) {
      throw new AssertionError("OpenSSL cannot be started", e);
    }
  }

  private static void converted(Path host, String command) throws Exception {
    OpenSsl.run(host, command);
    Path key = host.resolve("server-key.pem");
    Files.move(host.resolve("new.pem"), key, StandardCopyOption.REPLACE_EXISTING);
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
  }

  private static String mode(Path file) throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  private static X509Credentials server(Path directory, Optional<Path> password)
      throws CredentialsException {
    return new CredentialsDirectory(directory).x509(Side.SERVER, password, true);
  }
}
