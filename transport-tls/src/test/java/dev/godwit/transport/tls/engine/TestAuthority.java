package dev.godwit.transport.tls.engine;

import dev.godwit.transport.tls.credentials.Authorities;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CRLConverter;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority that lives as long as a test, and whom it certifies. */
final class TestAuthority {
  private static final Duration DAY = Duration.ofDays(1);

  private final AtomicLong serials = new AtomicLong(1);
  private final X500Name name;
  private final KeyPair keys;
  private final X509Certificate certificate;

  TestAuthority(String commonName) {
    name = new X500Name("CN=" + commonName);
    keys = keys("EC");
    certificate = certify(name, keys, -1, 10, Optional.empty(), true);
  }

  /** A certificate and its key. */
  record Holder(PrivateKey key, X509Certificate certificate) {}

  /** For a host, good from now on. */
  Holder host(String host) {
    return holder("CN=" + host + ",O=Godwit", host, "EC", -1, 1);
  }

  /** For a host, with days before and after now. */
  Holder holder(String subject, String host, String algorithm, int fromDays, int untilDays) {
    KeyPair pair = keys(algorithm);
    return new Holder(
        pair.getPrivate(),
        certify(new X500Name(subject), pair, fromDays, untilDays, Optional.of(host), false));
  }

  X509Certificate certificate() {
    return certificate;
  }

  /** What {@code own} takes part with, trusting this authority. */
  X509Credentials credentials(Holder own) {
    return credentials(own, List.of());
  }

  X509Credentials credentials(Holder own, List<X509CRL> revoked) {
    return new X509Credentials(
        Optional.of(own.key()),
        List.of(own.certificate()),
        new Authorities(List.of(certificate), revoked),
        true);
  }

  /** Of a side without a certificate. */
  X509Credentials nobody(boolean verifyPeer) {
    return new X509Credentials(
        Optional.empty(), List.of(), new Authorities(List.of(certificate), List.of()), verifyPeer);
  }

  X509CRL revoke(X509Certificate revoked) {
    Instant now = Instant.now();
    try {
      JcaX509v2CRLBuilder list =
          new JcaX509v2CRLBuilder(certificate.getSubjectX500Principal(), Date.from(now.minus(DAY)));
      list.setNextUpdate(Date.from(now.plus(DAY)));
      list.addCRLEntry(revoked.getSerialNumber(), Date.from(now.minus(DAY)), 0);
      return new JcaX509CRLConverter()
          .getCRL(
              list.build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw new AssertionError(e);
    }
  }

  /** Writes {@code ca.pem}, and {@code cert.pem} and {@code key.pem} of {@code own}. */
  void write(Holder own, Path directory) throws IOException {
    Files.writeString(directory.resolve("ca.pem"), pem(certificate));
    Files.writeString(directory.resolve("cert.pem"), pem(own.certificate()));
    Files.writeString(directory.resolve("key.pem"), pem(new JcaPKCS8Generator(own.key(), null)));
  }

  private static String pem(Object object) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter pem = new JcaPEMWriter(text)) {
      pem.writeObject(object);
    }
    return text.toString();
  }

  private static KeyPair keys(String algorithm) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
      generator.initialize(algorithm.equals("EC") ? 256 : 2048);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private X509Certificate certify(
      X500Name subject,
      KeyPair pair,
      int fromDays,
      int untilDays,
      Optional<String> host,
      boolean authority) {
    Instant now = Instant.now();
    try {
      JcaX509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              name,
              BigInteger.valueOf(serials.getAndIncrement()),
              Date.from(now.plus(DAY.multipliedBy(fromDays))),
              Date.from(now.plus(DAY.multipliedBy(untilDays))),
              subject,
              pair.getPublic());
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      builder.addExtension(
          Extension.keyUsage,
          true,
          new KeyUsage(
              authority ? KeyUsage.keyCertSign | KeyUsage.cRLSign : KeyUsage.digitalSignature));
      if (!authority) {
        builder.addExtension(
            Extension.extendedKeyUsage,
            false,
            new ExtendedKeyUsage(
                new KeyPurposeId[] {KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth}));
      }
      if (host.isPresent()) {
        builder.addExtension(
            Extension.subjectAlternativeName,
            false,
            new GeneralNames(new GeneralName(GeneralName.dNSName, host.get())));
      }
      return new JcaX509CertificateConverter()
          .getCertificate(
              builder.build(
                  new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
    } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
      throw new AssertionError(e);
    }
  }
}
