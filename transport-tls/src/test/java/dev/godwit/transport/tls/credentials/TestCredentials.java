package dev.godwit.transport.tls.credentials;

import dev.godwit.transport.tls.credentials.CertificateAuthority.Issued;
import dev.godwit.transport.tls.credentials.CertificateAuthority.Use;
import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One authority and the directories it makes for tests: each is beneath one root, has all files of
 * a host (server and client), and is wrong in the way that its method says. A certificate is a few
 * milliseconds of work.
 *
 * <p>{@link CredentialsDirectory} refuses to use what is expired or wrong as one's own; {@link
 * #unchecked} reads it nevertheless, so that the other side can be seen to refuse it.
 */
public final class TestCredentials {
  /** What good certificates are for, beside the host's own name. */
  public static final List<String> LOOPBACK = List.of("localhost", "127.0.0.1", "::1");

  private static final Duration DAY = Duration.ofDays(1);

  private final Path root;
  private final CertificateAuthority authority;

  private TestCredentials(Path root, CertificateAuthority authority) {
    this.root = root;
    this.authority = authority;
  }

  /** A new authority; its directories will be beneath {@code root}. */
  public static TestCredentials in(Path root) {
    return in(root, "Godwit test CA");
  }

  /** A new authority of a name; two of one name have different keys. */
  public static TestCredentials in(Path root, String name) {
    Instant now = Instant.now();
    return done(
        () ->
            new TestCredentials(
                root,
                CertificateAuthority.create(
                    name, now.minus(DAY.multipliedBy(30)), now.plus(DAY.multipliedBy(30)))));
  }

  /** Good certificates of a host, for its name and {@link #LOOPBACK}. */
  public Path host(String name) {
    List<String> names = new ArrayList<>(LOOPBACK);
    names.addFirst(name);
    return host(name, names);
  }

  /** Good certificates for these names only: a server at 127.0.0.1 has none of them. */
  public Path host(String name, List<String> names) {
    Instant now = Instant.now();
    return host(name, names, now.minus(DAY), now.plus(DAY));
  }

  /** Certificates that have expired ten days ago. */
  public Path expired(String name) {
    Instant now = Instant.now();
    return host(name, LOOPBACK, now.minus(DAY.multipliedBy(20)), now.minus(DAY.multipliedBy(10)));
  }

  /** Certificates that begin in ten days. */
  public Path notYetValid(String name) {
    Instant now = Instant.now();
    return host(name, LOOPBACK, now.plus(DAY.multipliedBy(10)), now.plus(DAY.multipliedBy(20)));
  }

  /** The server has the certificate of a client, and the other way round. */
  public Path wrongUse(String name) {
    Instant now = Instant.now();
    return host(
        name,
        LOOPBACK,
        now.minus(DAY),
        now.plus(DAY),
        /* server= */ Use.CLIENT,
        /* client= */ Use.SERVER);
  }

  /** Only the authority's certificate: a client that has none of its own. */
  public Path authorityOnly(String name) {
    return done(
        () -> {
          Path directory = root.resolve(name);
          CredentialsMaker.makeDirectory(directory);
          CredentialsMaker.write(
              directory.resolve(CredentialsDirectory.AUTHORITIES),
              List.of(authority.certificate()));
          return directory;
        });
  }

  /** Certificates through an authority in between, whose certificate is in the chain. */
  public Path throughIntermediate(String name) {
    Instant now = Instant.now();
    return done(
        () -> {
          CertificateAuthority between =
              authority.subordinate("Godwit test CA 2", now.minus(DAY), now.plus(DAY));
          Path directory = authorityOnly(name);
          for (Use use : Use.values()) {
            Side side = use == Use.SERVER ? Side.SERVER : Side.CLIENT;
            Issued issued = between.issue(name, LOOPBACK, use, now.minus(DAY), now.plus(DAY));
            CredentialsMaker.write(
                directory.resolve(side.certificate()),
                List.of(issued.certificate(), between.certificate()));
            CredentialsMaker.write(directory.resolve(side.key()), issued.key());
          }
          return directory;
        });
  }

  /**
   * Lets {@code directory} know that both certificates of {@code revoked} are revoked; without
   * {@code revoked} its list is empty.
   */
  public void revoke(Path directory, Path... revoked) {
    Instant now = Instant.now();
    done(
        () -> {
          List<BigInteger> serials = new ArrayList<>();
          for (Path host : revoked) {
            for (Side side : Side.values()) {
              serials.add(
                  CredentialsDirectory.certificates(host.resolve(side.certificate()))
                      .getFirst()
                      .getSerialNumber());
            }
          }
          X509CRL list = authority.revoke(serials, now.minus(DAY), now.plus(DAY));
          Path file = directory.resolve(CredentialsDirectory.REVOKED);
          Files.deleteIfExists(file);
          CredentialsMaker.write(file, list);
          return file;
        });
  }

  /** The authority that signed all of it. */
  public X509Certificate authority() {
    return authority.certificate();
  }

  /** Reads certificates as they are, good or not; the key must not be encrypted. */
  public static X509Credentials unchecked(Path directory, Side side, boolean verifyPeer) {
    return done(
        () ->
            new X509Credentials(
                Optional.of(KeyFile.read(directory.resolve(side.key()), Optional.empty())),
                CredentialsDirectory.certificates(directory.resolve(side.certificate())),
                authorities(directory),
                verifyPeer));
  }

  /** Whom a directory trusts, and what it knows to be revoked. */
  public static Authorities authorities(Path directory) {
    Path revoked = directory.resolve(CredentialsDirectory.REVOKED);
    return done(
        () ->
            new Authorities(
                CredentialsDirectory.certificates(
                    directory.resolve(CredentialsDirectory.AUTHORITIES)),
                Files.exists(revoked) ? CredentialsDirectory.revoked(revoked) : List.of()));
  }

  /** A new directory with a {@code keys.psk} of random keys. */
  public static Path psk(Path directory, String... users) {
    return done(
        () -> {
          new CredentialsMaker(directory).psk(List.of(users));
          return directory;
        });
  }

  /** Writes {@code keys.psk} with this text, such as {@code "qemu:00112233\n"}. */
  public static Path pskText(Path directory, String text) {
    return done(
        () -> {
          CredentialsMaker.makeDirectory(directory);
          secret(directory.resolve(CredentialsDirectory.KEYS), text);
          return directory;
        });
  }

  /** Copies {@code keys.psk}, as an administrator does. */
  public static Path pskCopy(Path directory, Path from) {
    return done(
        () -> {
          CredentialsMaker.makeDirectory(directory);
          Path file = directory.resolve(CredentialsDirectory.KEYS);
          Files.copy(from.resolve(CredentialsDirectory.KEYS), file);
          Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
          return directory;
        });
  }

  /** Writes a file of mode 0600. */
  public static Path secret(Path file, String text) {
    return done(
        () -> {
          Files.writeString(
              file,
              text,
              StandardCharsets.UTF_8,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE);
          Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
          return file;
        });
  }

  private Path host(String name, List<String> names, Instant from, Instant until) {
    return host(name, names, from, until, Use.SERVER, Use.CLIENT);
  }

  private Path host(
      String name, List<String> names, Instant from, Instant until, Use server, Use client) {
    return done(
        () -> {
          Path directory = authorityOnly(name);
          write(directory, Side.SERVER, authority.issue(name, names, server, from, until));
          write(directory, Side.CLIENT, authority.issue(name, names, client, from, until));
          return directory;
        });
  }

  private static void write(Path directory, Side side, Issued issued)
      throws IOException, GeneralSecurityException {
    CredentialsMaker.write(directory.resolve(side.certificate()), List.of(issued.certificate()));
    CredentialsMaker.write(directory.resolve(side.key()), issued.key());
  }

  /** What can only fail if this machine is broken. */
  @FunctionalInterface
  private interface Making<T> {
    T make() throws IOException, GeneralSecurityException;
  }

  private static <T> T done(Making<T> making) {
    try {
      return making.make();
    } catch (IOException | GeneralSecurityException e) {
      throw new AssertionError("Credentials for a test cannot be made", e);
    }
  }
}
