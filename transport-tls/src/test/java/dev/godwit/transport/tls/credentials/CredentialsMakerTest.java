package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import dev.godwit.transport.tls.credentials.CredentialsMaker.Host;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CredentialsMakerTest {
  @TempDir Path root = Path.of("");

  @Test
  void oneHostIsInTheDirectoryItself() throws Exception {
    Path directory = root.resolve("deep/pki");

    List<Path> made = new CredentialsMaker(directory).x509(hosts("localhost"), 10);

    assertThat(made).containsExactly(directory);
    assertThat(read(directory, Side.CLIENT).key()).isPresent();
    X509Credentials server = read(directory, Side.SERVER);
    for (String name : List.of("localhost", "127.0.0.1", "::1")) {
      server.authorities().verifyServer(server.chain(), Optional.of(name));
    }
    Duration life =
        Duration.between(Instant.now(), server.chain().getFirst().getNotAfter().toInstant());
    assertThat(life).isBetween(Duration.ofDays(9), Duration.ofDays(10));
    assertThat(mode(directory)).isEqualTo("rwx------");
    for (String file : List.of("ca-cert.pem", "ca-key.pem", "client-key.pem", "server-cert.pem")) {
      assertThat(mode(directory.resolve(file))).as(file).isEqualTo("rw-------");
    }
  }

  @Test
  void hostsThatAreAddedLaterHaveTheSameAuthority() throws Exception {
    new CredentialsMaker(root).x509(hosts("hosta", "hostb"), 10);
    List<Path> added = new CredentialsMaker(root).x509(hosts("hostc"), 10);

    assertThat(added).containsExactly(root.resolve("hostc"));
    X509Credentials first = read(root.resolve("hosta"), Side.CLIENT);
    X509Credentials later = read(root.resolve("hostc"), Side.SERVER);
    first.authorities().verifyServer(later.chain(), Optional.of("hostc"));
    later.authorities().verifyClient(first.chain());
  }

  @Test
  void nothingIsWrittenOverAndNothingIsBegun() throws Exception {
    new CredentialsMaker(root).x509(hosts("hosta", "hostb"), 10);
    byte[] before = Files.readAllBytes(root.resolve("hostb/server-key.pem"));

    assertThatThrownBy(() -> new CredentialsMaker(root).x509(hosts("hostc", "hostb"), 10))
        .isInstanceOf(CredentialsException.class)
        .hasMessage(
            "%s is there already and is not written over: name an empty directory",
            root.resolve("hostb/server-cert.pem"));

    assertThat(root.resolve("hostc")).doesNotExist();
    assertThat(root.resolve("hostb/server-key.pem")).hasBinaryContent(before);
    TestCredentials.psk(root, "qemu");
    assertThatThrownBy(() -> new CredentialsMaker(root).psk(List.of("qemu")))
        .isInstanceOf(CredentialsException.class)
        .hasMessageContaining("keys.psk is there already");
  }

  @Test
  void anAuthorityWithoutItsKeySignsNothing() throws Exception {
    new CredentialsMaker(root).x509(hosts("hosta", "hostb"), 10);
    Path directory = root.resolve("hosta");

    assertThatThrownBy(() -> new CredentialsMaker(directory).x509(hosts("hostc"), 10))
        .isInstanceOf(CredentialsException.class)
        .hasMessage(
            "%s is there already, without its key ca-key.pem: name an empty directory",
            directory.resolve("ca-cert.pem"));
  }

  @Test
  void wrongNamesAreRefused() {
    for (String wrong : List.of("", "a b", "../x", "a/b", "a=", "-a", "a..b", "*.example")) {
      assertThatThrownBy(() -> Host.parse(wrong))
          .as(wrong)
          .isInstanceOf(IllegalArgumentException.class);
    }
    for (String wrong : List.of("", " ", "a:b", "#a", "a\nb", "x".repeat(129))) {
      assertThatThrownBy(() -> new CredentialsMaker(root).psk(List.of(wrong)))
          .as(wrong)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("A user is named by");
    }
    assertThatThrownBy(() -> new CredentialsMaker(root).x509(hosts("a", "a"), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Host a is named twice");
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void eachUserHasAKeyOfItsOwn() throws Exception {
    Path file = new CredentialsMaker(root).psk(List.of("qemu", "alice"));

    assertThat(mode(file)).isEqualTo("rw-------");
    try (PskCredentials read = new CredentialsDirectory(root).psk(Side.SERVER, "")) {
      assertThat(read.keys()).extracting(PreSharedKey::identity).containsExactly("qemu", "alice");
      assertThat(read.keys()).extracting(k -> k.key().length).containsOnly(32);
      assertThat(read.keys().getFirst().key()).isNotEqualTo(read.keys().getLast().key());
    }
  }

  private static List<Host> hosts(String... names) {
    return List.of(names).stream().map(Host::parse).toList();
  }

  private static X509Credentials read(Path directory, Side side) throws CredentialsException {
    return new CredentialsDirectory(directory).x509(side, Optional.empty(), true);
  }

  private static String mode(Path file) throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }
}
