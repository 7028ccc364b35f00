package dev.godwit.transport.tls.credentials;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A directory in QEMU's layout (qemu-wire.md §7). */
public final class CredentialsDirectory {
  static final String AUTHORITIES = "ca-cert.pem";
  static final String AUTHORITY_KEY = "ca-key.pem";
  static final String REVOKED = "ca-crl.pem";
  static final String SERVER_CERTIFICATE = "server-cert.pem";
  static final String SERVER_KEY = "server-key.pem";
  static final String CLIENT_CERTIFICATE = "client-cert.pem";
  static final String CLIENT_KEY = "client-key.pem";
  static final String KEYS = "keys.psk";

  private static final String DELTA = "2.5.29.27";

  /** Which files of a directory are this side's. */
  public enum Side {
    CLIENT(CLIENT_CERTIFICATE, CLIENT_KEY),
    SERVER(SERVER_CERTIFICATE, SERVER_KEY);

    private final String certificate;
    private final String key;

    Side(String certificate, String key) {
      this.certificate = certificate;
      this.key = key;
    }

    String certificate() {
      return certificate;
    }

    String key() {
      return key;
    }
  }

  private final Path directory;

  public CredentialsDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * What is in it: x509 if there is a {@code ca-cert.pem}, psk if there is a {@code keys.psk}.
   *
   * @throws CredentialsException if there is neither, or both
   */
  public CredentialsType type() throws CredentialsException {
    requireDirectory();
    boolean x509 = Files.exists(directory.resolve(AUTHORITIES));
    boolean psk = Files.exists(directory.resolve(KEYS));
    if (x509 && psk) {
      throw new CredentialsException(
          directory + " has both " + AUTHORITIES + " and " + KEYS + ": say tls=x509 or tls=psk");
    }
    if (!x509 && !psk) {
      throw new CredentialsException(
          directory + " has no credentials, neither " + AUTHORITIES + " nor " + KEYS);
    }
    return x509 ? CredentialsType.X509 : CredentialsType.PSK;
  }

  /**
   * Reads certificates, and this side's own key, and checks them as QEMU does before it uses them:
   * dates, basic constraints, key usages, that the key is the certificate's, and that the
   * authorities here vouch for it.
   *
   * @param passwordFile holds the password of an encrypted key in its first line
   * @param verifyPeer see {@link X509Credentials}
   */
  public X509Credentials x509(Side side, Optional<Path> passwordFile, boolean verifyPeer)
      throws CredentialsException {
    requireDirectory();
    Authorities authorities = authorities();
    Path certificate = directory.resolve(side.certificate());
    Path key = directory.resolve(side.key());
    if (side == Side.CLIENT && !Files.exists(certificate) && !Files.exists(key)) {
      return new X509Credentials(Optional.empty(), List.of(), authorities, verifyPeer);
    }
    List<X509Certificate> chain = certificates(certificate);
    PrivateKey secret = KeyFile.read(key, passwordFile);
    KeyFile.requireMatch(secret, key, chain.getFirst(), certificate);
    requireOwn(side, chain, authorities, certificate);
    return new X509Credentials(Optional.of(secret), chain, authorities, verifyPeer);
  }

  /**
   * Reads {@code keys.psk}.
   *
   * @param username whose key a client takes
   */
  public PskCredentials psk(Side side, String username) throws CredentialsException {
    requireDirectory();
    return new PskCredentials(
        PskFile.read(
            directory.resolve(KEYS),
            side == Side.SERVER ? Optional.empty() : Optional.of(username)));
  }

  private void requireDirectory() throws CredentialsException {
    if (!Files.isDirectory(directory)) {
      throw new CredentialsException("There is no directory " + directory);
    }
  }

  private Authorities authorities() throws CredentialsException {
    Path file = directory.resolve(AUTHORITIES);
    List<X509Certificate> certificates = certificates(file);
    Instant now = Instant.now();
    for (X509Certificate certificate : certificates) {
      CertificateRules.requireAuthority(certificate, file, now);
    }
    Path lists = directory.resolve(REVOKED);
    List<X509CRL> revoked = Files.exists(lists) ? revoked(lists) : List.of();
    for (X509CRL list : revoked) {
      CertificateRules.requireCurrent(list, lists, now);
    }
    return new Authorities(certificates, revoked);
  }

  /** That this side could pass the checks which its peers will make. */
  private static void requireOwn(
      Side side, List<X509Certificate> chain, Authorities authorities, Path file)
      throws CredentialsException {
    if (chain.getFirst().getBasicConstraints() >= 0) {
      throw new CredentialsException(
          file + " is a certificate of an authority (its basic constraints), not of a host");
    }
    try {
      if (side == Side.SERVER) {
        authorities.verifyServer(chain, Optional.empty());
      } else {
        authorities.verifyClient(chain);
      }
    } catch (UntrustedPeer e) {
      throw new CredentialsException(file + " cannot be used: " + e.getMessage());
    }
  }

  /** All certificates of a file, at least one. */
  static List<X509Certificate> certificates(Path file) throws CredentialsException {
    List<X509Certificate> certificates = new ArrayList<>();
    for (PemBlock block : PemBlock.parse(CredentialsFile.read(file), file)) {
      if (block.label().equals("CERTIFICATE") || block.label().equals("X509 CERTIFICATE")) {
        try {
          certificates.add(
              (X509Certificate)
                  factory().generateCertificate(new ByteArrayInputStream(block.der())));
        } catch (CertificateException | RuntimeException e) {
          throw new CredentialsException(file + " has a certificate that is damaged", e);
        }
      } else {
        // A key that was put beside the certificate is not looked at, nor kept.
        block.close();
      }
    }
    if (certificates.isEmpty()) {
      throw new CredentialsException(file + " has no certificate");
    }
    return List.copyOf(certificates);
  }

  static List<X509CRL> revoked(Path file) throws CredentialsException {
    List<X509CRL> lists = new ArrayList<>();
    for (PemBlock block : PemBlock.parse(CredentialsFile.read(file), file)) {
      if (!block.label().equals("X509 CRL")) {
        block.close();
        continue;
      }
      X509CRL list;
      try {
        list = (X509CRL) factory().generateCRL(new ByteArrayInputStream(block.der()));
      } catch (CertificateException | CRLException | RuntimeException e) {
        throw new CredentialsException(
            file + " has a list of revoked certificates that is damaged", e);
      }
      if (list.hasUnsupportedCriticalExtension() || list.getExtensionValue(DELTA) != null) {
        throw new CredentialsException(
            file + " has a list of revoked certificates that is not a whole one");
      }
      lists.add(list);
    }
    if (lists.isEmpty()) {
      throw new CredentialsException(file + " has no list of revoked certificates");
    }
    return List.copyOf(lists);
  }

  private static CertificateFactory factory() throws CertificateException {
    return CertificateFactory.getInstance("X.509");
  }
}
