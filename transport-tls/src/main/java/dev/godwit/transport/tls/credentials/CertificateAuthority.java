package dev.godwit.transport.tls.credentials;

import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CRLConverter;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Signs certificates.
 *
 * @param certificate its own
 * @param key of that certificate
 */
record CertificateAuthority(X509Certificate certificate, PrivateKey key) {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int SERIAL_BITS = 127;

  /** What a certificate is for. */
  enum Use {
    SERVER(CertificateRules.SERVER),
    CLIENT(CertificateRules.CLIENT);

    private final String purpose;

    Use(String purpose) {
      this.purpose = purpose;
    }
  }

  /**
   * A certificate and its key.
   *
   * @param certificate for the public half of {@code key}
   */
  record Issued(X509Certificate certificate, PrivateKey key) {
    /** Without the key. */
    @Override
    public String toString() {
      return certificate.getSubjectX500Principal().getName();
    }
  }

  /** Without the key. */
  @Override
  public String toString() {
    return certificate.getSubjectX500Principal().getName();
  }

  /** An authority that signed itself. */
  static CertificateAuthority create(String name, Instant from, Instant until)
      throws GeneralSecurityException {
    KeyPair pair = pair();
    return new CertificateAuthority(
        sign(name, Optional.empty(), pair, pair, from, until, Map.of(), Optional.empty()),
        pair.getPrivate());
  }

  /** An authority beneath this one. */
  CertificateAuthority subordinate(String name, Instant from, Instant until)
      throws GeneralSecurityException {
    KeyPair pair = pair();
    return new CertificateAuthority(
        sign(name, Optional.of(certificate), pair, own(), from, until, Map.of(), Optional.empty()),
        pair.getPrivate());
  }

  /**
   * A certificate with a key of its own.
   *
   * @param name its common name
   * @param names of the host: DNS names and addresses; may be none
   */
  Issued issue(String name, List<String> names, Use use, Instant from, Instant until)
      throws GeneralSecurityException {
    KeyPair pair = pair();
    return new Issued(issue(name, names, use, from, until, pair.getPublic()), pair.getPrivate());
  }

  /** A certificate for a key made elsewhere. */
  X509Certificate issue(
      String name, List<String> names, Use use, Instant from, Instant until, PublicKey subject)
      throws GeneralSecurityException {
    Map<String, Boolean> alternatives = new LinkedHashMap<>();
    names.forEach(n -> alternatives.put(n, isAddress(n)));
    return sign(
        name,
        Optional.of(certificate),
        new KeyPair(subject, key),
        own(),
        from,
        until,
        alternatives,
        Optional.of(use));
  }

  /** A list of what this authority has revoked. */
  X509CRL revoke(List<BigInteger> serials, Instant from, Instant until)
      throws GeneralSecurityException {
    try {
      JcaX509v2CRLBuilder builder =
          new JcaX509v2CRLBuilder(certificate.getSubjectX500Principal(), Date.from(from));
      builder.setNextUpdate(Date.from(until));
      serials.forEach(s -> builder.addCRLEntry(s, Date.from(from), CRLReason.keyCompromise));
      builder.addExtension(
          Extension.authorityKeyIdentifier,
          false,
          new JcaX509ExtensionUtils().createAuthorityKeyIdentifier(certificate));
      return new JcaX509CRLConverter().getCRL(builder.build(signer(key)));
    } catch (IOException | OperatorCreationException e) {
      throw new GeneralSecurityException("Cannot sign a list of revoked certificates", e);
    }
  }

  static boolean isAddress(String name) {
    try {
      InetAddress.ofLiteral(name);
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  private KeyPair own() {
    return new KeyPair(certificate.getPublicKey(), key);
  }

  private static KeyPair pair() throws GeneralSecurityException {
    // Bouncy Castle's, since its encoding has the public half, which some readers want to find.
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", new BouncyCastleProvider());
    generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
    return generator.generateKeyPair();
  }

  private static X509Certificate sign(
      String name,
      Optional<X509Certificate> issuer,
      KeyPair subject,
      KeyPair signer,
      Instant from,
      Instant until,
      Map<String, Boolean> names,
      Optional<Use> use)
      throws GeneralSecurityException {
    try {
      X500Name distinguished =
          new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, new DERUTF8String(name)).build();
      BigInteger serial = new BigInteger(SERIAL_BITS, RANDOM).setBit(0);
      JcaX509v3CertificateBuilder builder =
          issuer.isPresent()
              ? new JcaX509v3CertificateBuilder(
                  X500Name.getInstance(issuer.get().getSubjectX500Principal().getEncoded()),
                  serial,
                  Date.from(from),
                  Date.from(until),
                  distinguished,
                  subject.getPublic())
              : new JcaX509v3CertificateBuilder(
                  distinguished,
                  serial,
                  Date.from(from),
                  Date.from(until),
                  distinguished,
                  subject.getPublic());
      JcaX509ExtensionUtils identifiers = new JcaX509ExtensionUtils();
      builder.addExtension(
          Extension.subjectKeyIdentifier,
          false,
          identifiers.createSubjectKeyIdentifier(subject.getPublic()));
      builder.addExtension(
          Extension.authorityKeyIdentifier,
          false,
          identifiers.createAuthorityKeyIdentifier(signer.getPublic()));
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(use.isEmpty()));
      if (use.isEmpty()) {
        builder.addExtension(
            Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
      } else {
        // No key usage: QEMU 7.2 and libvirt want key encipherment in it, which an elliptic key
        // must not have (RFC 8813); without the extension they take it as allowed.
        builder.addExtension(
            Extension.extendedKeyUsage,
            false,
            new ExtendedKeyUsage(
                KeyPurposeId.getInstance(new ASN1ObjectIdentifier(use.get().purpose))));
      }
      if (!names.isEmpty()) {
        builder.addExtension(
            Extension.subjectAlternativeName,
            false,
            new GeneralNames(
                names.entrySet().stream()
                    .map(
                        n ->
                            new GeneralName(
                                n.getValue() ? GeneralName.iPAddress : GeneralName.dNSName,
                                n.getKey()))
                    .toArray(GeneralName[]::new)));
      }
      return new JcaX509CertificateConverter()
          .getCertificate(builder.build(signer(signer.getPrivate())));
    } catch (IOException | OperatorCreationException e) {
      throw new GeneralSecurityException("Cannot sign a certificate", e);
    }
  }

  private static ContentSigner signer(PrivateKey key) throws OperatorCreationException {
    return new JcaContentSignerBuilder("SHA256withECDSA")
        .setProvider(new BouncyCastleProvider())
        .build(key);
  }
}
