package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What of a directory is used, and what is refused. */
final class CredentialsDirectoryTest {
  @TempDir static Path root = Path.of("");

  private static Path host = root;
  private static TestCredentials authority = TestCredentials.in(root);

  @TempDir Path own = Path.of("");

  @BeforeAll
  static void make() {
    authority = TestCredentials.in(root);
    host = authority.host("hosta");
  }

  @Test
  void aServerHasItsCertificateAndKey() throws Exception {
    X509Credentials read = read(host, Side.SERVER);

    assertThat(read.key().orElseThrow().getAlgorithm()).isEqualTo("EC");
    assertThat(read.chain()).hasSize(1);
    assertThat(read.authorities().certificates()).containsExactly(authority.authority());
    assertThat(read.verifyPeer()).isTrue();
    assertThat(read).hasToString("CN=hosta");
    assertThat(new CredentialsDirectory(host).type()).isEqualTo(CredentialsType.X509);
  }

  @Test
  void aClientMayHaveNoCertificate() throws Exception {
    Path directory = authority.authorityOnly("bare");

    X509Credentials read = read(directory, Side.CLIENT);

    assertThat(read.key()).isEmpty();
    assertThat(read.chain()).isEmpty();
    refused(directory, Side.SERVER)
        .hasMessage("There is no file " + directory.resolve("server-cert.pem"));
  }

  @Test
  void aClientWithHalfOfItsFilesIsRefused() throws Exception {
    copy("ca-cert.pem", "client-cert.pem");

    refused(own, Side.CLIENT).hasMessage("There is no file " + own.resolve("client-key.pem"));
  }

  @Test
  void aKeyThatOthersCanReadIsRefusedWithWhatMendsIt() throws Exception {
    copy("ca-cert.pem", "server-cert.pem", "server-key.pem");
    Path key = own.resolve("server-key.pem");
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));

    refused(own, Side.SERVER)
        .hasMessage(
            "%s holds a secret, but others can read or change it (mode 0640): chmod 600 %s",
            key, key);
  }

  @Test
  void aKeyOfAnotherCertificateIsRefused() throws Exception {
    copy("ca-cert.pem", "server-cert.pem");
    Files.copy(host.resolve("client-key.pem"), own.resolve("server-key.pem"));

    refused(own, Side.SERVER)
        .hasMessage(
            "Key %s does not belong to the certificate %s",
            own.resolve("server-key.pem"), own.resolve("server-cert.pem"));
  }

  @Test
  void expiredAndEarlyAndMisusedCertificatesAreRefusedByName() {
    Path expired = authority.expired("old");
    Path early = authority.notYetValid("early");
    Path misused = authority.wrongUse("misused");

    refused(expired, Side.SERVER)
        .hasMessageStartingWith(
            expired.resolve("server-cert.pem")
                + " cannot be used: The certificate of CN=old has expired on 20");
    refused(early, Side.CLIENT)
        .hasMessageStartingWith(
            early.resolve("client-cert.pem")
                + " cannot be used: The certificate of CN=early is not valid before 20");
    refused(misused, Side.SERVER)
        .hasMessage(
            misused.resolve("server-cert.pem")
                + " cannot be used: The certificate of CN=misused is not for a server"
                + " (its extended key usage)");
  }

  @Test
  void aCertificateOfAnotherAuthorityIsRefused() throws Exception {
    Path other = TestCredentials.in(own.resolve("other"), "Other CA").host("hosta");
    Files.copy(
        host.resolve("ca-cert.pem"),
        other.resolve("ca-cert.pem"),
        StandardCopyOption.REPLACE_EXISTING);

    refused(other, Side.SERVER)
        .hasMessage(
            other.resolve("server-cert.pem")
                + " cannot be used: The certificate of CN=hosta is signed by CN=Other CA, which is"
                + " not an authority trusted here");
  }

  @Test
  void anAuthorityThatIsNoneIsRefused() throws Exception {
    copy("server-cert.pem", "server-key.pem");
    Files.copy(host.resolve("client-cert.pem"), own.resolve("ca-cert.pem"));

    refused(own, Side.SERVER)
        .hasMessage(
            "The certificate of CN=hosta in %s is not one of an authority (its basic constraints)",
            own.resolve("ca-cert.pem"));
  }

  @Test
  void anAuthorityAsHostIsRefused() throws Exception {
    copy("ca-cert.pem", "server-key.pem");
    Files.copy(host.resolve("ca-cert.pem"), own.resolve("server-cert.pem"));

    refused(own, Side.SERVER).hasMessageContaining("does not belong to the certificate");
  }

  @Test
  void severalAuthoritiesAreTrusted() throws Exception {
    copy("server-cert.pem", "server-key.pem");
    Path other = TestCredentials.in(own.resolve("other"), "Other CA").host("hostb");
    byte[] first = Files.readAllBytes(other.resolve("ca-cert.pem"));
    byte[] second = Files.readAllBytes(host.resolve("ca-cert.pem"));
    Files.write(own.resolve("ca-cert.pem"), first);
    Files.write(own.resolve("ca-cert.pem"), second, StandardOpenOption.APPEND);

    X509Credentials read = read(own, Side.SERVER);

    assertThat(read.authorities().certificates()).hasSize(2);
    read.authorities().verifyClient(TestCredentials.unchecked(other, Side.CLIENT, true).chain());
  }

  @Test
  void aChainThroughAnAuthorityBetweenIsTaken() throws Exception {
    Path directory = authority.throughIntermediate("between");

    assertThat(read(directory, Side.SERVER).chain()).hasSize(2);
    assertThat(read(directory, Side.CLIENT).chain()).hasSize(2);
  }

  @Test
  void itsOwnRevokedCertificateIsRefused() {
    Path directory = authority.host("revoked");
    authority.revoke(directory, directory);

    refused(directory, Side.SERVER)
        .hasMessageStartingWith(
            directory.resolve("server-cert.pem")
                + " cannot be used: The certificate of CN=revoked has been revoked on ");
  }

  @Test
  void whatIsNoDirectoryOrHasNothingOrBothIsToldApart() {
    Path none = own.resolve("none");
    assertThatExceptionOfType(CredentialsException.class)
        .isThrownBy(() -> new CredentialsDirectory(none).type())
        .withMessage("There is no directory %s", none);
    assertThatExceptionOfType(CredentialsException.class)
        .isThrownBy(() -> new CredentialsDirectory(own).type())
        .withMessage("%s has no credentials, neither ca-cert.pem nor keys.psk", own);
    Path both = authority.host("both");
    TestCredentials.pskText(both, "a:00\n");
    assertThatExceptionOfType(CredentialsException.class)
        .isThrownBy(() -> new CredentialsDirectory(both).type())
        .withMessage("%s has both ca-cert.pem and keys.psk: say tls=x509 or tls=psk", both);
  }

  @Test
  void aFileThatIsTooLargeIsNotRead() throws Exception {
    copy("server-cert.pem", "server-key.pem");
    Files.write(own.resolve("ca-cert.pem"), new byte[CredentialsFile.MOST_BYTES + 1]);

    refused(own, Side.SERVER)
        .hasMessage(
            "%s has 1048577 bytes, which is more than any credentials (1048576)",
            own.resolve("ca-cert.pem"));
  }

  @Test
  void aDirectoryInPlaceOfAFileIsRefused() throws Exception {
    copy("server-cert.pem", "server-key.pem");
    Files.createDirectory(own.resolve("ca-cert.pem"));

    refused(own, Side.SERVER).hasMessage("%s is not a file", own.resolve("ca-cert.pem"));
  }

  @Test
  void commentsAndWindowsLinesAroundCertificatesAreNothing() throws Exception {
    copy("ca-cert.pem", "server-key.pem");
    String pem = Files.readString(host.resolve("server-cert.pem"), StandardCharsets.US_ASCII);
    Files.writeString(
        own.resolve("server-cert.pem"),
        "Version: 3\r\nSubject: CN=hosta\r\n\r\n" + pem.replace("\n", "\r\n") + "the end");

    assertThat(read(own, Side.SERVER).chain()).hasSize(1);
  }

  @Test
  void aServerTakesAllKeysAndAClientItsOwn() throws Exception {
    TestCredentials.pskText(own, "# made today\n\nalice:00ff\r\nbob:A1b2 \n");

    try (PskCredentials server = psk(own, Side.SERVER, "qemu");
        PskCredentials client = psk(own, Side.CLIENT, "bob")) {
      assertThat(server.keys()).extracting(PreSharedKey::identity).containsExactly("alice", "bob");
      assertThat(server.keys().getFirst().key()).containsExactly(0x00, 0xff);
      assertThat(client.keys()).extracting(PreSharedKey::identity).containsExactly("bob");
      assertThat(client.keys().getFirst().key()).containsExactly(0xa1, 0xb2);
      assertThat(client.toString()).doesNotContainIgnoringCase("a1b2").doesNotContain("[B@");
    }
    assertThat(new CredentialsDirectory(own).type()).isEqualTo(CredentialsType.PSK);
  }

  @Test
  void aClosedKeyIsZero() throws Exception {
    TestCredentials.pskText(own, "alice:ffff\n");
    PskCredentials read = psk(own, Side.SERVER, "");

    read.close();

    assertThat(read.keys().getFirst().key()).containsOnly(0);
  }

  @Test
  void wrongLinesOfKeysAreRefusedByNumberAndWithoutTheirKey() {
    String file = own.resolve("keys.psk").toString();
    wrongKeys("alice", "Line 1 of " + file + " is not user:hexkey");
    wrongKeys("a:00\nalice:", "Line 2 of " + file + " has an empty key");
    wrongKeys("a:00\n\na:01\n", "Line 3 of " + file + " has a second key of 'a'");
    wrongKeys(
        "a:0\n",
        "Line 1 of " + file + " must have a key of 1 to 512 bytes, two hexadecimal digits each");
    wrongKeys("a:5ecre7\n", "Line 1 of " + file + " has a key that is not hexadecimal");
    wrongKeys(":00\n", "Line 1 of " + file + " must have a user name of 1 to 128 bytes");
    wrongKeys("# nothing\n", file + " has no key");
    wrongKeys("alice:00\n", file + " has no key of 'qemu' (tls-username says whose to take)");
  }

  @Test
  void keysThatOthersCanReadAreRefused() throws Exception {
    TestCredentials.pskText(own, "a:00\n");
    Path file = own.resolve("keys.psk");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw----r--"));

    assertThatExceptionOfType(CredentialsException.class)
        .isThrownBy(() -> psk(own, Side.SERVER, ""))
        .withMessageContaining("(mode 0604): chmod 600 " + file);
  }

  private void wrongKeys(String text, String sentence) {
    TestCredentials.pskText(own, text);
    assertThatExceptionOfType(CredentialsException.class)
        .isThrownBy(() -> psk(own, Side.CLIENT, "qemu"))
        .withMessage(sentence);
  }

  private void copy(String... names) throws IOException {
    for (String name : names) {
      Files.copy(host.resolve(name), own.resolve(name));
    }
  }

  private static X509Credentials read(Path directory, Side side) throws CredentialsException {
    return new CredentialsDirectory(directory).x509(side, Optional.empty(), true);
  }

  private static PskCredentials psk(Path directory, Side side, String user)
      throws CredentialsException {
    return new CredentialsDirectory(directory).psk(side, user);
  }

  private static AbstractThrowableAssert<?, ? extends Throwable> refused(
      Path directory, Side side) {
    return assertThatThrownBy(() -> read(directory, side)).isInstanceOf(CredentialsException.class);
  }
}
