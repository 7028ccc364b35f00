package dev.godwit.transport.tls.credentials;

import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Tells what is in a directory of credentials, and in those that {@link CredentialsMaker} made in
 * it.
 */
public final class CredentialsListing {
  private final Path directory;
  private final Optional<Path> passwordFile;

  /**
   * @param passwordFile see {@link CredentialsDirectory#x509}
   */
  public CredentialsListing(Path directory, Optional<Path> passwordFile) {
    this.directory = directory;
    this.passwordFile = passwordFile;
  }

  /**
   * Everything in the directory, then in each directory beneath it that has credentials.
   *
   * @throws CredentialsException if there are none, or the directory cannot be read
   */
  public List<CredentialsEntry> entries() throws CredentialsException {
    List<CredentialsEntry> entries = new ArrayList<>();
    for (Path host : directories()) {
      list(host, entries);
    }
    if (entries.isEmpty()) {
      throw new CredentialsException(
          directory
              + " has no credentials, neither "
              + CredentialsDirectory.AUTHORITIES
              + " nor "
              + CredentialsDirectory.KEYS);
    }
    return entries;
  }

  private List<Path> directories() throws CredentialsException {
    if (!Files.isDirectory(directory)) {
      throw new CredentialsException("There is no directory " + directory);
    }
    List<Path> directories = new ArrayList<>(List.of(directory));
    try (Stream<Path> beneath = Files.list(directory)) {
      beneath
          .filter(Files::isDirectory)
          .sorted(Comparator.naturalOrder())
          .forEach(directories::add);
      return directories;
    } catch (IOException e) {
      throw CredentialsFile.failed("Cannot look into " + directory, e);
    }
  }

  private void list(Path where, List<CredentialsEntry> entries) {
    Path authorities = where.resolve(CredentialsDirectory.AUTHORITIES);
    boolean any = false;
    if (Files.exists(authorities)) {
      any = true;
      authorities(authorities, entries);
    }
    Path revoked = where.resolve(CredentialsDirectory.REVOKED);
    if (Files.exists(revoked)) {
      revoked(revoked, entries);
    }
    Path secret = where.resolve(CredentialsDirectory.AUTHORITY_KEY);
    if (Files.exists(secret)) {
      try {
        CredentialsFile.clear(CredentialsFile.readSecret(secret));
      } catch (CredentialsException e) {
        entries.add(CredentialsEntry.broken(secret, e));
      }
    }
    for (Side side : Side.values()) {
      if (Files.exists(where.resolve(side.certificate()))
          || Files.exists(where.resolve(side.key()))) {
        any |= host(where, side, entries);
      }
    }
    Path keys = where.resolve(CredentialsDirectory.KEYS);
    if (Files.exists(keys)) {
      keys(keys, entries);
    }
    if (any && !Files.exists(authorities)) {
      entries.add(
          CredentialsEntry.broken(
              authorities, new CredentialsException("There is no file " + authorities)));
    }
  }

  private static void authorities(Path file, List<CredentialsEntry> entries) {
    try {
      for (X509Certificate certificate : CredentialsDirectory.certificates(file)) {
        Optional<String> problem = Optional.empty();
        try {
          CertificateRules.requireAuthority(certificate, file, Instant.now());
        } catch (CredentialsException e) {
          problem = Optional.of(String.valueOf(e.getMessage()));
        }
        entries.add(
            new CredentialsEntry(
                file,
                CertificateRules.subject(certificate),
                List.of(),
                Optional.of(certificate.getNotAfter().toInstant()),
                problem));
      }
    } catch (CredentialsException e) {
      entries.add(CredentialsEntry.broken(file, e));
    }
  }

  private static void revoked(Path file, List<CredentialsEntry> entries) {
    try {
      for (X509CRL list : CredentialsDirectory.revoked(file)) {
        Optional<String> problem = Optional.empty();
        try {
          CertificateRules.requireCurrent(list, file, Instant.now());
        } catch (CredentialsException e) {
          problem = Optional.of(String.valueOf(e.getMessage()));
        }
        entries.add(
            new CredentialsEntry(
                file,
                CertificateRules.told(list.getIssuerX500Principal().getName()),
                List.of(),
                Optional.ofNullable(list.getNextUpdate()).map(d -> d.toInstant()),
                problem));
      }
    } catch (CredentialsException e) {
      entries.add(CredentialsEntry.broken(file, e));
    }
  }

  /** Whether there is a certificate that needs an authority. */
  private boolean host(Path where, Side side, List<CredentialsEntry> entries) {
    Path file = where.resolve(side.certificate());
    try {
      List<X509Certificate> chain = CredentialsDirectory.certificates(file);
      Optional<String> problem = Optional.empty();
      try {
        new CredentialsDirectory(where).x509(side, passwordFile, true).close();
      } catch (CredentialsException e) {
        problem = Optional.of(String.valueOf(e.getMessage()));
      }
      entries.add(
          new CredentialsEntry(
              file,
              CertificateRules.subject(chain.getFirst()),
              HostName.names(chain.getFirst()).stream().map(CertificateRules::told).toList(),
              chain.stream().map(c -> c.getNotAfter().toInstant()).min(Comparator.naturalOrder()),
              problem));
      return true;
    } catch (CredentialsException e) {
      entries.add(CredentialsEntry.broken(file, e));
      return false;
    }
  }

  private static void keys(Path file, List<CredentialsEntry> entries) {
    try {
      for (PreSharedKey key : PskFile.read(file, Optional.empty())) {
        entries.add(
            new CredentialsEntry(
                file, key.identity(), List.of(), Optional.empty(), Optional.empty()));
        key.close();
      }
    } catch (CredentialsException e) {
      entries.add(CredentialsEntry.broken(file, e));
    }
  }
}
