package dev.godwit.transport.tls.engine;

import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.tls.credentials.UntrustedPeer;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/**
 * What one connection thinks of its peer's certificate. It remembers the verdict, since libraries
 * between here and the handshake's failure lose the words.
 */
final class CertificateCheck {
  private final X509Credentials credentials;
  private final boolean server;
  private final Optional<String> hostname;
  private volatile PeerIdentity peer = new PeerIdentity.Unknown();
  private volatile @Nullable UntrustedPeer refused;

  private CertificateCheck(X509Credentials credentials, boolean server, Optional<String> hostname) {
    this.credentials = credentials;
    this.server = server;
    this.hostname = hostname;
  }

  /** A client's, that looks at a server. */
  static CertificateCheck ofServer(X509Credentials credentials, Optional<String> hostname) {
    return new CertificateCheck(credentials, true, hostname);
  }

  /** A server's, that looks at a client. */
  static CertificateCheck ofClient(X509Credentials credentials) {
    return new CertificateCheck(credentials, false, Optional.empty());
  }

  /** Looks at the chain that the peer showed, its own certificate first. */
  void check(List<X509Certificate> chain) throws UntrustedPeer {
    if (!credentials.verifyPeer()) {
      return;
    }
    try {
      if (chain.isEmpty()) {
        throw new UntrustedPeer(
            UntrustedPeer.Reason.NO_CERTIFICATE, "The peer showed no certificate");
      }
      if (server) {
        credentials.authorities().verifyServer(chain, hostname);
      } else {
        credentials.authorities().verifyClient(chain);
      }
    } catch (UntrustedPeer e) {
      refused = e;
      throw e;
    }
    peer =
        new PeerIdentity.Named(
            "x509", chain.getFirst().getSubjectX500Principal().getName(X500Principal.RFC2253));
  }

  /** The peer showed something that is no certificate. */
  void unreadable() {
    refused =
        new UntrustedPeer(
            UntrustedPeer.Reason.BROKEN, "What the peer showed as its certificate is none");
  }

  /** Who the peer has proven to be; unknown if nobody asked. */
  PeerIdentity peer() {
    return peer;
  }

  /** Why it was refused. */
  Optional<UntrustedPeer> refused() {
    return Optional.ofNullable(refused);
  }
}
