package dev.godwit.transport.tls.credentials;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.edec.EdECObjectIdentifiers;
import org.bouncycastle.asn1.misc.MiscObjectIdentifiers;
import org.bouncycastle.asn1.misc.ScryptParams;
import org.bouncycastle.asn1.pkcs.EncryptedPrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.KeyDerivationFunc;
import org.bouncycastle.asn1.pkcs.PBES2Parameters;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PKCS12PBEParams;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfo;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcePKCSPBEInputDecryptorProviderBuilder;

/** Reads a private key from a PEM file, in each form that OpenSSL and GnuTLS write. */
final class KeyFile {
  /** Far above what any tool writes; more would be a second of work and longer. */
  private static final BigInteger MOST_ITERATIONS = BigInteger.valueOf(2_000_000);

  private static final long MOST_SCRYPT_BYTES = 256L << 20;
  private static final int MOST_PASSWORD_BYTES = 1024;
  private static final SecureRandom RANDOM = new SecureRandom();

  private KeyFile() {}

  /**
   * @param passwordFile of an encrypted key; not looked at for another
   */
  static PrivateKey read(Path file, Optional<Path> passwordFile) throws CredentialsException {
    byte[] text = CredentialsFile.readSecret(file);
    List<PemBlock> blocks;
    try {
      blocks = PemBlock.parse(text, file);
    } finally {
      CredentialsFile.clear(text);
    }
    try {
      List<PemBlock> keys = blocks.stream().filter(b -> b.label().endsWith("PRIVATE KEY")).toList();
      if (keys.size() != 1) {
        throw new CredentialsException(
            file + (keys.isEmpty() ? " has no private key" : " has more than one private key"));
      }
      return key(keys.getFirst(), file, passwordFile);
    } finally {
      blocks.forEach(PemBlock::close);
    }
  }

  /**
   * @throws CredentialsException if the key is not that of the certificate
   */
  static void requireMatch(
      PrivateKey key, Path keyFile, X509Certificate certificate, Path certificateFile)
      throws CredentialsException {
    if (!match(key, certificate.getPublicKey())) {
      throw new CredentialsException(
          "Key " + keyFile + " does not belong to the certificate " + certificateFile);
    }
  }

  private static boolean match(PrivateKey key, PublicKey certified) {
    try {
      String algorithm = signature(key.getAlgorithm());
      if (!algorithm.equals(signature(certified.getAlgorithm()))) {
        return false;
      }
      byte[] challenge = new byte[32];
      RANDOM.nextBytes(challenge);
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(challenge);
      byte[] signed = signature.sign();
      signature.initVerify(certified);
      signature.update(challenge);
      return signature.verify(signed);
    } catch (GeneralSecurityException | RuntimeException _) {
      return false;
    }
  }

  private static String signature(String keyAlgorithm) throws GeneralSecurityException {
    return switch (keyAlgorithm) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      case "EdDSA", "Ed25519" -> "Ed25519";
      default -> throw new GeneralSecurityException("No signatures with " + keyAlgorithm);
    };
  }

  private static PrivateKey key(PemBlock block, Path file, Optional<Path> passwordFile)
      throws CredentialsException {
    if (block.legacyEncrypted()) {
      throw new CredentialsException(
          file
              + " is encrypted in OpenSSL's old way, which is weak: openssl pkcs8 -topk8 -in "
              + file
              + " -out NEW writes a better one");
    }
    try {
      return switch (block.label()) {
        case "PRIVATE KEY" -> pkcs8(block.der(), file);
        case "RSA PRIVATE KEY" ->
            wrapped(
                new AlgorithmIdentifier(PKCSObjectIdentifiers.rsaEncryption, DERNull.INSTANCE),
                ASN1Primitive.fromByteArray(block.der()),
                file);
        case "EC PRIVATE KEY" -> sec1(block.der(), file);
        case "ENCRYPTED PRIVATE KEY" -> decrypted(block.der(), file, passwordFile);
        default -> throw unknown(block.label(), file);
      };
    } catch (CredentialsException e) {
      throw e;
    } catch (IOException | RuntimeException _) {
      // A parser's own words could tell of the key.
      throw damaged(file);
    }
  }

  private static PrivateKey sec1(byte[] der, Path file) throws IOException {
    ECPrivateKey key = ECPrivateKey.getInstance(der);
    ASN1Primitive curve =
        key.getParametersObject() == null ? null : key.getParametersObject().toASN1Primitive();
    if (!(curve instanceof ASN1ObjectIdentifier)) {
      throw new CredentialsException(
          file
              + " does not name its curve: openssl pkcs8 -topk8 -nocrypt -in "
              + file
              + " -out NEW writes a better one");
    }
    return wrapped(new AlgorithmIdentifier(X9ObjectIdentifiers.id_ecPublicKey, curve), key, file);
  }

  private static PrivateKey wrapped(AlgorithmIdentifier algorithm, ASN1Encodable key, Path file)
      throws IOException {
    byte[] der = new PrivateKeyInfo(algorithm, key).getEncoded();
    try {
      return pkcs8(der, file);
    } finally {
      CredentialsFile.clear(der);
    }
  }

  private static PrivateKey pkcs8(byte[] der, Path file) throws CredentialsException {
    ASN1ObjectIdentifier algorithm =
        PrivateKeyInfo.getInstance(der).getPrivateKeyAlgorithm().getAlgorithm();
    String name;
    if (algorithm.equals(PKCSObjectIdentifiers.rsaEncryption)) {
      name = "RSA";
    } else if (algorithm.equals(X9ObjectIdentifiers.id_ecPublicKey)) {
      name = "EC";
    } else if (algorithm.equals(EdECObjectIdentifiers.id_Ed25519)) {
      name = "Ed25519";
    } else {
      throw unknown("algorithm " + algorithm, file);
    }
    try {
      return KeyFactory.getInstance(name).generatePrivate(new PKCS8EncodedKeySpec(der));
    } catch (GeneralSecurityException _) {
      throw damaged(file);
    }
  }

  private static PrivateKey decrypted(byte[] der, Path file, Optional<Path> passwordFile)
      throws IOException {
    EncryptedPrivateKeyInfo info = EncryptedPrivateKeyInfo.getInstance(der);
    requireBounded(info.getEncryptionAlgorithm(), file);
    if (passwordFile.isEmpty()) {
      throw new CredentialsException(
          "Key " + file + " is encrypted: name the file of its password with tls-password-file");
    }
    char[] password = password(passwordFile.get());
    byte[] plain = new byte[0];
    try {
      plain =
          new PKCS8EncryptedPrivateKeyInfo(info)
              .decryptPrivateKeyInfo(
                  new JcePKCSPBEInputDecryptorProviderBuilder()
                      .setProvider(new BouncyCastleProvider())
                      .build(password))
              .getEncoded();
      return pkcs8(plain, file);
    } catch (PKCSException | CredentialsException | RuntimeException _) {
      // A wrong password gives bytes that are no key.
      throw new CredentialsException(
          "The password in " + passwordFile.get() + " does not open the key " + file);
    } finally {
      CredentialsFile.clear(plain);
      Arrays.fill(password, '\0');
    }
  }

  /** A damaged or hostile file must not keep the processor busy for hours. */
  private static void requireBounded(AlgorithmIdentifier algorithm, Path file)
      throws CredentialsException {
    boolean fine;
    if (algorithm.getAlgorithm().equals(PKCSObjectIdentifiers.id_PBES2)) {
      KeyDerivationFunc derivation =
          PBES2Parameters.getInstance(algorithm.getParameters()).getKeyDerivationFunc();
      if (derivation.getAlgorithm().equals(MiscObjectIdentifiers.id_scrypt)) {
        ScryptParams scrypt = ScryptParams.getInstance(derivation.getParameters());
        long cost = scrypt.getCostParameter().longValueExact();
        long block = scrypt.getBlockSize().longValueExact();
        long parallel = scrypt.getParallelizationParameter().longValueExact();
        fine =
            cost > 0
                && block > 0
                && parallel > 0
                && Math.multiplyExact(Math.multiplyExact(cost, block), parallel)
                    <= MOST_SCRYPT_BYTES / 128;
      } else {
        fine = isBounded(PBKDF2Params.getInstance(derivation.getParameters()).getIterationCount());
      }
    } else {
      fine = isBounded(PKCS12PBEParams.getInstance(algorithm.getParameters()).getIterations());
    }
    if (!fine) {
      throw new CredentialsException(
          "Key " + file + " is encrypted with more work than is reasonable");
    }
  }

  private static boolean isBounded(BigInteger iterations) {
    return iterations.signum() > 0 && iterations.compareTo(MOST_ITERATIONS) <= 0;
  }

  /** Up to the line break, as characters; the caller clears them. */
  private static char[] password(Path file) throws CredentialsException {
    byte[] text = CredentialsFile.readSecret(file);
    try {
      int length = 0;
      while (length < text.length && text[length] != '\n' && text[length] != '\r') {
        length++;
      }
      if (length == 0 || length > MOST_PASSWORD_BYTES) {
        throw new CredentialsException(
            file
                + " must begin with a line of 1 to "
                + MOST_PASSWORD_BYTES
                + " bytes, the password");
      }
      CharBuffer decoded =
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text, 0, length));
      char[] password = new char[decoded.remaining()];
      decoded.get(password);
      Arrays.fill(decoded.array(), '\0');
      return password;
    } catch (CharacterCodingException _) {
      throw new CredentialsException("The password in " + file + " is not UTF-8");
    } finally {
      CredentialsFile.clear(text);
    }
  }

  private static CredentialsException unknown(String what, Path file) {
    return new CredentialsException(
        file
            + " has a key of a kind that is not known here ("
            + what
            + "), only RSA, EC, Ed25519 are");
  }

  private static CredentialsException damaged(Path file) {
    return new CredentialsException(file + " has a private key that is damaged");
  }
}
