package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.UntrustedPeer;
import dev.godwit.transport.tls.credentials.X509Credentials;
import io.netty.internal.tcnative.CertificateVerifier;
import io.netty.internal.tcnative.SSL;
import io.netty.internal.tcnative.SSLContext;
import java.io.ByteArrayInputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * BoringSSL, through the bindings of netty-tcnative. Not through Netty's own SSLEngine: that one
 * answers a close_notify with its own, so no direction can end before the other, and costs a dozen
 * native calls a record.
 */
final class BoringSsl {
  /** Those of TLS 1.2; BoringSSL puts AES-128-GCM first in 1.3 wherever the processor has AES. */
  private static final String CIPHERS =
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
          + ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

  /** It knows Ed25519 too, but neither offers nor takes it in a handshake. */
  private static final Set<String> KEYS = Set.of("RSA", "EC");

  private static final int LONGEST_CHAIN = 10;
  private static final int LINE_CHARS = 64;
  private static final byte[] LINE_BREAK = {'\n'};

  private BoringSsl() {}

  /**
   * Whether it is here and knows the kinds of keys in use: those of its own side, and of the
   * authorities, which tell what a peer is likely to have.
   */
  static boolean takes(X509Credentials credentials) {
    return BoringSslLibrary.MISSING.isEmpty()
        && Stream.concat(
                credentials.chain().stream(), credentials.authorities().certificates().stream())
            .allMatch(certificate -> KEYS.contains(certificate.getPublicKey().getAlgorithm()));
  }

  static TlsEngine client(
      X509Credentials credentials, Optional<String> hostname, List<String> versions)
      throws ChannelException {
    CertificateCheck check = CertificateCheck.ofServer(credentials, hostname);
    // Without a check of ours BoringSSL would take its own: it is always asked for, and may say
    // yes.
    return engine(credentials, check, SSL.SSL_MODE_CLIENT, SSL.SSL_CVERIFY_REQUIRED, versions);
  }

  static TlsEngine server(X509Credentials credentials, List<String> versions)
      throws ChannelException {
    CertificateCheck check = CertificateCheck.ofClient(credentials);
    int verify = credentials.verifyPeer() ? SSL.SSL_CVERIFY_REQUIRED : SSL.SSL_CVERIFY_NONE;
    return engine(credentials, check, SSL.SSL_MODE_SERVER, verify, versions);
  }

  /** A context of its own for each connection: it is cheap, and none can be resumed. */
  private static TlsEngine engine(
      X509Credentials credentials,
      CertificateCheck check,
      int mode,
      int verify,
      List<String> versions)
      throws ChannelException {
    Optional<String> missing = BoringSslLibrary.MISSING;
    if (missing.isPresent()) {
      throw new ChannelException.Unsupported("BoringSSL cannot be used here: " + missing.get());
    }
    long context = 0;
    long ssl = 0;
    try {
      context = SSLContext.make(SSL.SSL_PROTOCOL_TLSV1_2 | SSL.SSL_PROTOCOL_TLSV1_3, mode);
      configure(context, check, verify, versions);
      ssl = SSL.newSSL(context, mode == SSL.SSL_MODE_SERVER);
      SSL.setRenegotiateMode(ssl, SSL.SSL_RENEGOTIATE_NEVER);
      if (credentials.key().isPresent()) {
        show(ssl, credentials.key().get(), credentials.chain());
      }
      TlsEngine engine = new BoringSslEngine(context, ssl, check);
      context = 0;
      ssl = 0;
      return engine;
    } catch (ChannelException e) {
      throw e;
    } catch (Exception e) {
      throw new ChannelException.Unsupported(
          "BoringSSL does not take these credentials: " + BoringSslFailures.words(e.getMessage()));
    } finally {
      if (ssl != 0) {
        SSL.freeSSL(ssl);
      }
      if (context != 0) {
        SSLContext.free(context);
      }
    }
  }

  private static void configure(
      long context, CertificateCheck check, int verify, List<String> versions) throws Exception {
    int options =
        SSL.SSL_OP_NO_SSLv2
            | SSL.SSL_OP_NO_SSLv3
            | SSL.SSL_OP_NO_TLSv1
            | SSL.SSL_OP_NO_TLSv1_1
            | SSL.SSL_OP_NO_COMPRESSION
            | SSL.SSL_OP_NO_TICKET
            | SSL.SSL_OP_CIPHER_SERVER_PREFERENCE;
    if (!versions.contains("TLSv1.2")) {
      options |= SSL.SSL_OP_NO_TLSv1_2;
    }
    if (!versions.contains("TLSv1.3")) {
      options |= SSL.SSL_OP_NO_TLSv1_3;
    }
    SSLContext.setOptions(context, SSLContext.getOptions(context) | options);
    SSLContext.setSessionCacheMode(context, SSL.SSL_SESS_CACHE_OFF);
    SSLContext.setCipherSuite(context, CIPHERS, false);
    SSLContext.setAlpnProtos(
        context, new String[] {TlsEngines.GODWIT}, SSL.SSL_SELECTOR_FAILURE_NO_ADVERTISE);
    SSLContext.setUseTasks(context, false);
    SSLContext.setVerify(context, verify, LONGEST_CHAIN);
    SSLContext.setCertVerifyCallback(context, new Verifier(check));
  }

  /** Gives {@code ssl} its own copy of the key and its certificates. */
  private static void show(long ssl, PrivateKey key, List<X509Certificate> chain) throws Exception {
    long certificates = 0;
    long secret = 0;
    try {
      certificates = certificates(chain);
      secret = secret(key);
      SSL.setKeyMaterial(ssl, certificates, secret);
    } finally {
      if (certificates != 0) {
        SSL.freeX509Chain(certificates);
      }
      if (secret != 0) {
        SSL.freePrivateKey(secret);
      }
    }
  }

  private static long certificates(List<X509Certificate> chain) throws Exception {
    long bio = SSL.newMemBIO();
    try {
      for (X509Certificate certificate : chain) {
        writePem(bio, "CERTIFICATE", certificate.getEncoded());
      }
      return SSL.parseX509Chain(bio);
    } finally {
      SSL.freeBIO(bio);
    }
  }

  private static long secret(PrivateKey key) throws Exception {
    byte[] encoded = key.getEncoded();
    if (encoded == null) {
      throw new ChannelException.Unsupported("BoringSSL takes no key that does not show itself");
    }
    // What the BIO held is wiped as it is freed: BoringSSL wipes whatever it frees.
    long bio = SSL.newMemBIO();
    try {
      writePem(bio, "PRIVATE KEY", encoded);
      return SSL.parsePrivateKey(bio, null);
    } finally {
      SSL.freeBIO(bio);
      Arrays.fill(encoded, (byte) 0);
    }
  }

  /** Writes {@code der} as PEM, and wipes what that took. */
  private static void writePem(long bio, String what, byte[] der) {
    byte[] text = Base64.getMimeEncoder(LINE_CHARS, LINE_BREAK).encode(der);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment body = arena.allocate(text.length);
      MemorySegment.copy(text, 0, body, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, text.length);
      write(bio, arena, "-----BEGIN " + what + "-----\n");
      SSL.bioWrite(bio, body.address(), text.length);
      write(bio, arena, "\n-----END " + what + "-----\n");
      body.fill((byte) 0);
    } finally {
      Arrays.fill(text, (byte) 0);
    }
  }

  private static void write(long bio, Arena arena, String line) {
    MemorySegment text = arena.allocateFrom(line, StandardCharsets.US_ASCII);
    SSL.bioWrite(bio, text.address(), line.length());
  }

  /** Is called by BoringSSL with the peer's chain, and must not throw. */
  private static final class Verifier extends CertificateVerifier {
    private final CertificateCheck check;

    Verifier(CertificateCheck check) {
      this.check = check;
    }

    @Override
    public int verify(long ssl, byte[][] chain, String authentication) {
      try {
        check.check(parsed(chain));
        return X509_V_OK;
      } catch (UntrustedPeer e) {
        return switch (e.reason()) {
          case UNKNOWN_AUTHORITY -> X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
          case EXPIRED -> X509_V_ERR_CERT_HAS_EXPIRED;
          case NOT_YET_VALID -> X509_V_ERR_CERT_NOT_YET_VALID;
          case REVOKED -> X509_V_ERR_CERT_REVOKED;
          case WRONG_NAME -> X509_V_ERR_HOSTNAME_MISMATCH;
          case WRONG_USE -> X509_V_ERR_INVALID_PURPOSE;
          case BROKEN -> X509_V_ERR_CERT_SIGNATURE_FAILURE;
          case NO_CERTIFICATE -> X509_V_ERR_CERT_REJECTED;
        };
      } catch (CertificateException | RuntimeException e) {
        check.unreadable();
        return X509_V_ERR_CERT_REJECTED;
      }
    }

    private static List<X509Certificate> parsed(byte[][] chain) throws CertificateException {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      List<X509Certificate> certificates = new ArrayList<>();
      for (byte[] encoded : chain) {
        certificates.add(
            (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(encoded)));
      }
      return certificates;
    }
  }
}
