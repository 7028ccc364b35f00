package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.UntrustedPeer;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertPathValidatorException.BasicReason;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** The JDK's own TLS: the reference, and what is taken where BoringSSL is not to be had. */
final class Jsse {
  /** AES-128-GCM first: it is the fastest where the processor has AES. */
  private static final String[] CIPHERS = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  };

  private Jsse() {}

  static TlsEngine client(
      X509Credentials credentials, Optional<String> hostname, List<String> versions)
      throws ChannelException {
    CertificateCheck check = CertificateCheck.ofServer(credentials, hostname);
    SSLEngine engine = engine(credentials, check);
    engine.setUseClientMode(true);
    SSLParameters parameters = parameters(engine, versions);
    parameters.setApplicationProtocols(new String[] {TlsEngines.GODWIT});
    engine.setSSLParameters(parameters);
    return new SslEngineAdapter(engine, check);
  }

  static TlsEngine server(X509Credentials credentials, List<String> versions)
      throws ChannelException {
    CertificateCheck check = CertificateCheck.ofClient(credentials);
    SSLEngine engine = engine(credentials, check);
    engine.setUseClientMode(false);
    SSLParameters parameters = parameters(engine, versions);
    parameters.setNeedClientAuth(credentials.verifyPeer());
    engine.setSSLParameters(parameters);
    engine.setHandshakeApplicationProtocolSelector(
        (connection, offered) -> offered.contains(TlsEngines.GODWIT) ? TlsEngines.GODWIT : "");
    return new SslEngineAdapter(engine, check);
  }

  /** A context of its own for each connection, so that none can be resumed. */
  private static SSLEngine engine(X509Credentials credentials, CertificateCheck check)
      throws ChannelException {
    KeyManager[] keys =
        credentials
            .key()
            .map(key -> new KeyManager[] {new OneKey(key, credentials.chain())})
            .orElse(new KeyManager[0]);
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys, new TrustManager[] {new Trust(check)}, null);
      return context.createSSLEngine();
    } catch (GeneralSecurityException e) {
      throw new ChannelException.Unsupported("This JDK cannot do TLS: " + e.getMessage());
    }
  }

  private static SSLParameters parameters(SSLEngine engine, List<String> versions) {
    SSLParameters parameters = engine.getSSLParameters();
    parameters.setProtocols(versions.toArray(String[]::new));
    parameters.setCipherSuites(CIPHERS);
    parameters.setUseCipherSuitesOrder(true);
    return parameters;
  }

  /** Asks {@link CertificateCheck}, and words its answer so that JSSE sends the alert that fits. */
  private static final class Trust extends X509ExtendedTrustManager {
    private final CertificateCheck check;

    Trust(CertificateCheck check) {
      this.check = check;
    }

    private void check(X509Certificate[] chain) throws CertificateException {
      try {
        check.check(List.of(chain));
      } catch (UntrustedPeer e) {
        BasicReason reason =
            switch (e.reason()) {
              case REVOKED -> BasicReason.REVOKED;
              case EXPIRED -> BasicReason.EXPIRED;
              case NOT_YET_VALID -> BasicReason.NOT_YET_VALID;
              case WRONG_USE -> BasicReason.ALGORITHM_CONSTRAINED;
              case BROKEN -> BasicReason.INVALID_SIGNATURE;
              case UNKNOWN_AUTHORITY, WRONG_NAME, NO_CERTIFICATE -> BasicReason.UNSPECIFIED;
            };
        throw new CertificateException(
            new CertPathValidatorException(e.getMessage(), e, null, -1, reason));
      }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      check(chain);
    }

    /** None is named to the client, which would rather show nothing than one of another. */
    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
