package dev.godwit.transport.tls.credentials;

import dev.godwit.transport.tls.credentials.UntrustedPeer.Reason;
import java.security.GeneralSecurityException;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXReason;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Whom one side trusts: the certificates of {@code ca-cert.pem} and what {@code ca-crl.pem}
 * revokes. Nothing is ever asked for over the network.
 */
public final class Authorities {
  /** As many as GnuTLS looks at; more are an attack. */
  static final int MOST_CERTIFICATES = 10;

  private static final String NAME_CONSTRAINTS = "2.5.29.30";

  private final List<X509Certificate> certificates;
  private final List<X509CRL> revoked;

  public Authorities(List<X509Certificate> certificates, List<X509CRL> revoked) {
    this.certificates = List.copyOf(certificates);
    this.revoked = List.copyOf(revoked);
  }

  public List<X509Certificate> certificates() {
    return certificates;
  }

  /**
   * Checks a server's chain: path, dates, revocation, use, and its name.
   *
   * @param chain its own certificate first
   * @param hostname a DNS name or an address; empty to look at no name
   */
  public void verifyServer(List<X509Certificate> chain, Optional<String> hostname)
      throws UntrustedPeer {
    verify(chain, CertificateRules.SERVER);
    if (hostname.isPresent() && !HostName.matches(chain.getFirst(), hostname.get())) {
      List<String> names = HostName.names(chain.getFirst());
      throw new UntrustedPeer(
          Reason.WRONG_NAME,
          CertificateRules.of(chain.getFirst())
              + " is for "
              + (names.isEmpty() ? "no host" : CertificateRules.told(String.join(", ", names)))
              + " and not for "
              + hostname.get());
    }
  }

  /**
   * Checks a client's chain: path, dates, revocation and use.
   *
   * @param chain its own certificate first
   */
  public void verifyClient(List<X509Certificate> chain) throws UntrustedPeer {
    verify(chain, CertificateRules.CLIENT);
  }

  private void verify(List<X509Certificate> chain, String usage) throws UntrustedPeer {
    if (chain.isEmpty()) {
      throw new UntrustedPeer(Reason.NO_CERTIFICATE, "The peer has no certificate");
    }
    X509Certificate leaf = chain.getFirst();
    if (chain.size() > MOST_CERTIFICATES) {
      throw new UntrustedPeer(
          Reason.BROKEN,
          CertificateRules.of(leaf)
              + " comes in a chain of more than "
              + MOST_CERTIFICATES
              + " certificates");
    }
    try {
      Instant now = Instant.now();
      CertificateRules.requireStrongKey(leaf);
      List<X509Certificate> path = path(chain, now);
      for (X509Certificate certificate : path) {
        CertificateRules.requireInTime(certificate, now);
      }
      for (int i = 0; i < path.size() - 1; i++) {
        CertificateRules.requireStrong(path.get(i));
        requireNotRevoked(path.get(i), path.get(i + 1), now);
      }
      CertificateRules.requireStrongKey(path.getLast());
      requireSound(path);
      CertificateRules.requireUse(leaf, usage);
    } catch (GeneralSecurityException | RuntimeException e) {
      if (e instanceof UntrustedPeer known) {
        throw known;
      }
      // What a parser of the JDK throws at a certificate that was made to break it.
      UntrustedPeer broken =
          new UntrustedPeer(Reason.BROKEN, CertificateRules.of(leaf) + " is damaged");
      broken.initCause(e);
      throw broken;
    }
  }

  /** From the certificate to check to one of the authorities, both included. */
  private List<X509Certificate> path(List<X509Certificate> chain, Instant now)
      throws UntrustedPeer {
    X509Certificate leaf = chain.getFirst();
    List<X509Certificate> path = new ArrayList<>(List.of(leaf));
    List<X509Certificate> between = new ArrayList<>(chain.subList(1, chain.size()));
    between.removeIf(c -> c.equals(leaf) || certificates.contains(c));
    if (!climb(path, between, now)) {
      throw new UntrustedPeer(
          Reason.UNKNOWN_AUTHORITY,
          CertificateRules.of(leaf)
              + " is signed by "
              + CertificateRules.told(path.getLast().getIssuerX500Principal().getName())
              + ", which is not an authority trusted here");
    }
    return path;
  }

  private boolean climb(List<X509Certificate> path, List<X509Certificate> between, Instant now) {
    X509Certificate last = path.getLast();
    if (certificates.contains(last)) {
      return true;
    }
    // An authority may have been renewed under its old key: one that is valid is better.
    Optional<X509Certificate> authority =
        certificates.stream()
            .filter(c -> signed(c, last))
            .min(Comparator.comparing(c -> !isInTime(c, now)));
    if (authority.isPresent()) {
      path.add(authority.get());
      return true;
    }
    for (X509Certificate next : List.copyOf(between)) {
      // Each is tried once: what leads nowhere leads nowhere from elsewhere either.
      if (between.contains(next) && signed(next, last)) {
        between.remove(next);
        path.add(next);
        if (climb(path, between, now)) {
          return true;
        }
        path.removeLast();
      }
    }
    return false;
  }

  private static boolean isInTime(X509Certificate certificate, Instant now) {
    return !now.isBefore(certificate.getNotBefore().toInstant())
        && !now.isAfter(certificate.getNotAfter().toInstant());
  }

  private static boolean signed(X509Certificate issuer, X509Certificate certificate) {
    if (!issuer.getSubjectX500Principal().equals(certificate.getIssuerX500Principal())) {
      return false;
    }
    try {
      CertificateRules.requireStrongKey(issuer);
      certificate.verify(issuer.getPublicKey());
      return true;
    } catch (GeneralSecurityException | RuntimeException _) {
      return false;
    }
  }

  private void requireNotRevoked(X509Certificate certificate, X509Certificate issuer, Instant now)
      throws UntrustedPeer {
    for (X509CRL list : revoked) {
      if (!list.getIssuerX500Principal().equals(issuer.getSubjectX500Principal())) {
        continue;
      }
      if (!signed(list, issuer) && certificates.stream().noneMatch(c -> signed(list, c))) {
        throw new UntrustedPeer(
            Reason.BROKEN,
            CertificateRules.of(certificate)
                + " may be revoked: the list of revoked certificates is not signed by "
                + CertificateRules.subject(issuer));
      }
      CertificateRules.requireNotRevoked(certificate, list, now);
    }
  }

  private static boolean signed(X509CRL list, X509Certificate issuer) {
    if (!issuer.getSubjectX500Principal().equals(list.getIssuerX500Principal())) {
      return false;
    }
    try {
      list.verify(issuer.getPublicKey());
      return true;
    } catch (GeneralSecurityException | RuntimeException _) {
      return false;
    }
  }

  /** Basic constraints, key usages, name constraints, critical extensions: the JDK's PKIX. */
  private static void requireSound(List<X509Certificate> path) throws GeneralSecurityException {
    if (path.size() == 1) {
      return;
    }
    X509Certificate anchor = path.getLast();
    List<X509Certificate> checked = new ArrayList<>(path);
    TrustAnchor trusted;
    if (anchor.getSubjectX500Principal().equals(anchor.getIssuerX500Principal())) {
      // As one more certificate on the way, since PKIX looks at nothing of an anchor but its key.
      trusted = new TrustAnchor(anchor.getSubjectX500Principal(), anchor.getPublicKey(), null);
    } else {
      checked.removeLast();
      trusted = new TrustAnchor(anchor, null);
      requireAnchor(anchor, checked.size() - 1);
    }
    CertPath certPath = CertificateFactory.getInstance("X.509").generateCertPath(checked);
    PKIXParameters parameters = new PKIXParameters(Set.of(trusted));
    parameters.setRevocationEnabled(false);
    try {
      CertPathValidator.getInstance("PKIX").validate(certPath, parameters);
    } catch (CertPathValidatorException e) {
      X509Certificate at = checked.get(Math.max(0, e.getIndex()));
      Reason reason =
          e.getReason() == PKIXReason.NOT_CA_CERT
                  || e.getReason() == PKIXReason.PATH_TOO_LONG
                  || e.getReason() == PKIXReason.INVALID_KEY_USAGE
              ? Reason.WRONG_USE
              : Reason.BROKEN;
      throw new UntrustedPeer(
          reason,
          CertificateRules.of(at)
              + " is not good: "
              + CertificateRules.told(String.valueOf(e.getMessage())));
    }
  }

  /** What PKIX would check of a self-signed authority, for one that is not. */
  private static void requireAnchor(X509Certificate anchor, int between) throws UntrustedPeer {
    if (anchor.getBasicConstraints() < between) {
      throw new UntrustedPeer(
          Reason.WRONG_USE,
          CertificateRules.of(anchor) + " may not have so many authorities beneath it");
    }
    if (anchor.getExtensionValue(NAME_CONSTRAINTS) != null) {
      throw new UntrustedPeer(
          Reason.BROKEN,
          CertificateRules.of(anchor)
              + " limits names, which is looked at only with the root beside it");
    }
  }
}
