package dev.godwit.transport.tls.credentials;

import dev.godwit.transport.tls.credentials.UntrustedPeer.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509CRL;
import java.security.cert.X509CRLEntry;
import java.security.cert.X509Certificate;
import java.security.interfaces.RSAKey;
import java.security.spec.PSSParameterSpec;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** What is asked of one certificate, beside who signed it. */
final class CertificateRules {
  /** Extended key usages (RFC 5280 §4.2.1.12). */
  static final String SERVER = "1.3.6.1.5.5.7.3.1";

  static final String CLIENT = "1.3.6.1.5.5.7.3.2";
  private static final String ANY = "2.5.29.37.0";

  /** Bits of the key usage (RFC 5280 §4.2.1.3). */
  private static final int DIGITAL_SIGNATURE = 0;

  private static final int KEY_CERT_SIGN = 5;

  /** Digests under which two certificates can be made to have one signature. */
  private static final Pattern FORGED =
      Pattern.compile("MD[245]|SHA-?1(?!\\d)", Pattern.CASE_INSENSITIVE);

  private static final int LEAST_RSA_BITS = 2048;
  private static final int MOST_RSA_BITS = 16_384;
  private static final Set<String> KEYS = Set.of("RSA", "RSASSA-PSS", "EC", "EdDSA", "Ed25519");
  private static final int MOST_TOLD_CHARS = 200;

  private CertificateRules() {}

  /** How a certificate is named to a user. */
  static String subject(X509Certificate certificate) {
    String name = told(certificate.getSubjectX500Principal().getName());
    return name.isEmpty() ? "(no subject)" : name;
  }

  /** What a peer chose, as it may be in a message: not long, and on one line. */
  static String told(String text) {
    StringBuilder told = new StringBuilder();
    text.codePoints()
        .limit(MOST_TOLD_CHARS)
        .forEach(c -> told.appendCodePoint(Character.isISOControl(c) ? '?' : c));
    return text.length() > told.length() ? told + "..." : told.toString();
  }

  static LocalDate date(Date instant) {
    return LocalDate.ofInstant(instant.toInstant(), ZoneOffset.UTC);
  }

  static void requireInTime(X509Certificate certificate, Instant now) throws UntrustedPeer {
    if (now.isAfter(certificate.getNotAfter().toInstant())) {
      throw new UntrustedPeer(
          Reason.EXPIRED, of(certificate) + " has expired on " + date(certificate.getNotAfter()));
    }
    if (now.isBefore(certificate.getNotBefore().toInstant())) {
      throw new UntrustedPeer(
          Reason.NOT_YET_VALID,
          of(certificate) + " is not valid before " + date(certificate.getNotBefore()));
    }
  }

  /** Refuses keys and signatures that can be forged. */
  static void requireStrong(X509Certificate certificate) throws UntrustedPeer {
    requireStrongKey(certificate);
    String algorithm = certificate.getSigAlgName();
    String digest = algorithm.contains("PSS") ? pssDigest(certificate) : algorithm;
    if (FORGED.matcher(digest).find()) {
      throw new UntrustedPeer(
          Reason.BROKEN, of(certificate) + " is signed with " + digest + ", which can be forged");
    }
  }

  static void requireStrongKey(X509Certificate certificate) throws UntrustedPeer {
    String algorithm = certificate.getPublicKey().getAlgorithm();
    if (!KEYS.contains(algorithm)) {
      throw new UntrustedPeer(
          Reason.BROKEN,
          of(certificate) + " has a key of a kind that is not taken (" + algorithm + ")");
    }
    if (certificate.getPublicKey() instanceof RSAKey rsa) {
      int bits = rsa.getModulus().bitLength();
      if (bits < LEAST_RSA_BITS || bits > MOST_RSA_BITS) {
        throw new UntrustedPeer(
            Reason.BROKEN,
            of(certificate)
                + " has an RSA key of "
                + bits
                + " bits, where "
                + LEAST_RSA_BITS
                + " to "
                + MOST_RSA_BITS
                + " are taken");
      }
    }
  }

  private static String pssDigest(X509Certificate certificate) throws UntrustedPeer {
    try {
      AlgorithmParameters parameters = AlgorithmParameters.getInstance("RSASSA-PSS");
      parameters.init(certificate.getSigAlgParams());
      return parameters.getParameterSpec(PSSParameterSpec.class).getDigestAlgorithm();
    } catch (GeneralSecurityException | IOException | RuntimeException _) {
      throw new UntrustedPeer(
          Reason.BROKEN, of(certificate) + " is signed in a way that is not known here");
    }
  }

  /**
   * @param usage {@link #SERVER} or {@link #CLIENT}
   */
  static void requireUse(X509Certificate certificate, String usage) throws UntrustedPeer {
    String role = usage.equals(SERVER) ? "server" : "client";
    boolean[] bits = certificate.getKeyUsage();
    if (bits != null && !bits[DIGITAL_SIGNATURE]) {
      throw new UntrustedPeer(
          Reason.WRONG_USE,
          of(certificate) + " is not for a " + role + ": its key usage has no digital signature");
    }
    try {
      List<String> extended = certificate.getExtendedKeyUsage();
      if (extended != null && !extended.contains(usage) && !extended.contains(ANY)) {
        throw new UntrustedPeer(
            Reason.WRONG_USE,
            of(certificate) + " is not for a " + role + " (its extended key usage)");
      }
    } catch (CertificateParsingException _) {
      throw new UntrustedPeer(
          Reason.BROKEN, of(certificate) + " has an extended key usage that is damaged");
    }
  }

  /** Refuses what {@code list} revokes, and a list that may hide what it should revoke. */
  static void requireNotRevoked(X509Certificate certificate, X509CRL list, Instant now)
      throws UntrustedPeer {
    X509CRLEntry entry = list.getRevokedCertificate(certificate.getSerialNumber());
    if (entry != null) {
      throw new UntrustedPeer(
          Reason.REVOKED,
          of(certificate) + " has been revoked on " + date(entry.getRevocationDate()));
    }
    Date next = list.getNextUpdate();
    if (next != null && now.isAfter(next.toInstant())) {
      throw new UntrustedPeer(
          Reason.BROKEN,
          of(certificate)
              + " may be revoked: the list of revoked certificates has expired on "
              + date(next));
    }
  }

  /** Checks a list of {@code ca-crl.pem}. */
  static void requireCurrent(X509CRL list, Path file, Instant now) throws CredentialsException {
    Date next = list.getNextUpdate();
    if (next != null && now.isAfter(next.toInstant())) {
      throw new CredentialsException(
          file + " has expired on " + date(next) + ": put a newer one in its place");
    }
  }

  /** Checks a certificate of {@code ca-cert.pem}. */
  static void requireAuthority(X509Certificate certificate, Path file, Instant now)
      throws CredentialsException {
    boolean[] bits = certificate.getKeyUsage();
    if (certificate.getBasicConstraints() < 0) {
      throw new CredentialsException(
          of(certificate) + " in " + file + " is not one of an authority (its basic constraints)");
    }
    if (bits != null && !bits[KEY_CERT_SIGN]) {
      throw new CredentialsException(
          of(certificate) + " in " + file + " may not sign certificates (its key usage)");
    }
    try {
      requireInTime(certificate, now);
      requireStrongKey(certificate);
    } catch (UntrustedPeer e) {
      throw new CredentialsException(file + " cannot be used: " + e.getMessage());
    }
  }

  /** How a sentence about a certificate begins. */
  static String of(X509Certificate certificate) {
    return "The certificate of " + subject(certificate);
  }
}
