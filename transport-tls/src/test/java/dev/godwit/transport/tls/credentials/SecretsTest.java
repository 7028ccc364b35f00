package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a secret is not. */
final class SecretsTest {
  /** Enough of a secret to know it again, and none of it in a file's first words. */
  private static final int PROBE_BYTES = 16;

  @TempDir Path root = Path.of("");

  @Test
  void nothingSaysWhatIsSecret() throws Exception {
    Path host = TestCredentials.in(root).host("hosta");
    TestCredentials.pskText(host, "alice:00112233445566778899aabbccddeeff\n");
    CredentialsDirectory directory = new CredentialsDirectory(host);

    try (X509Credentials x509 = directory.x509(Side.SERVER, Optional.empty(), true);
        PskCredentials psk = directory.psk(Side.SERVER, "")) {
      assertThat(x509.toString()).isEqualTo("CN=hosta");
      assertThat(psk.toString()).isEqualTo("PskCredentials[keys=[alice]]");
    }
    CertificateAuthority authority =
        CertificateAuthority.create("CA", Instant.now(), Instant.now().plusSeconds(60));
    assertThat(authority.toString()).isEqualTo("CN=CA");
    assertThat(new PemBlock("PRIVATE KEY", false, new byte[] {1, 2})).hasToString("PRIVATE KEY");
  }

  /** Keeps what was read until after the dump, so that what closing leaves is found. */
  @Test
  void afterClosingNoSecretIsInTheHeap() throws Exception {
    Path host = TestCredentials.in(root).host("hosta");
    TestCredentials.psk(host, "alice", "bob");
    Path password = TestCredentials.secret(root.resolve("password"), randomText());
    OpenSsl.run(
        host,
        "openssl pkcs8 -topk8 -passout file:" + password + " -in client-key.pem -out new.pem");
    Files.move(
        host.resolve("new.pem"),
        host.resolve("client-key.pem"),
        StandardCopyOption.REPLACE_EXISTING);
    CredentialsDirectory directory = new CredentialsDirectory(host);
    List<Object> kept = new ArrayList<>();
    try (PskCredentials psk = directory.psk(Side.SERVER, "")) {
      kept.add(psk);
      X509Credentials server = directory.x509(Side.SERVER, Optional.empty(), true);
      X509Credentials client = directory.x509(Side.CLIENT, Optional.of(password), true);
      kept.add(server);
      kept.add(client);
      try (HeapDump open = HeapDump.of(root.resolve("open.hprof"))) {
        assertThat(open.has(pskBytes(host))).as("an open key").isTrue();
        assertThat(open.has(der(host.resolve("server-key.pem")))).as("a key in use").isTrue();
        assertThat(open.has(pskHex(host))).as("hexadecimal key").isFalse();
        assertThat(open.has(pem(host.resolve("server-key.pem")))).as("PEM of a key").isFalse();
        assertThat(open.has(Files.readAllBytes(password))).as("password").isFalse();
      }
      server.close();
      client.close();
    }
    try (HeapDump closed = HeapDump.of(root.resolve("closed.hprof"))) {
      assertThat(closed.has(pskBytes(host))).as("key").isFalse();
      assertThat(closed.has(pskHex(host))).as("hexadecimal key").isFalse();
      assertThat(closed.has(pem(host.resolve("server-key.pem")))).as("PEM of a key").isFalse();
      assertThat(closed.has(der(host.resolve("server-key.pem")))).as("DER of a key").isFalse();
      assertThat(closed.has(Files.readAllBytes(password))).as("password").isFalse();
    }
    assertThat(kept).hasSize(3);
  }

  /** Not a constant of this class, which would be found wherever it is. */
  private static String randomText() {
    byte[] random = new byte[PROBE_BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  private static byte[] pskHex(Path host) throws Exception {
    byte[] file = Files.readAllBytes(host.resolve("keys.psk"));
    return Arrays.copyOfRange(file, "alice:".length(), "alice:".length() + 2 * PROBE_BYTES);
  }

  private static byte[] pskBytes(Path host) throws Exception {
    return HexFormat.of().parseHex(new String(pskHex(host), StandardCharsets.US_ASCII));
  }

  /** Of the key's secret part: the beginning is the same for all keys of a kind. */
  private static byte[] pem(Path key) throws Exception {
    byte[] file = Files.readAllBytes(key);
    int start = "-----BEGIN PRIVATE KEY-----\n".length();
    return Arrays.copyOfRange(file, start + 48, start + 48 + PROBE_BYTES);
  }

  private static byte[] der(Path key) throws Exception {
    byte[] der = PemBlock.parse(Files.readAllBytes(key), key).getFirst().der();
    return Arrays.copyOfRange(der, 40, 40 + PROBE_BYTES);
  }
}
