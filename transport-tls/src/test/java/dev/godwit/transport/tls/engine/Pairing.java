package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.util.List;
import java.util.Optional;

/** Who is to talk to whom, and in which version of TLS at the most. */
record Pairing(TlsEngines.Kind from, TlsEngines.Kind to, String version) {
  /** The engines for certificates. */
  static final List<TlsEngines.Kind> KINDS =
      List.of(TlsEngines.Kind.BORINGSSL, TlsEngines.Kind.JSSE);

  private static final List<String> BOTH = List.of("TLSv1.3", "TLSv1.2");

  /** As an old peer would: the server is the one that knows no better. */
  Connection connection(X509Credentials client, X509Credentials server, Optional<String> hostname)
      throws ChannelException {
    return new Connection(client(client, hostname), server(server));
  }

  TlsEngine client(X509Credentials credentials, Optional<String> hostname) throws ChannelException {
    return from == TlsEngines.Kind.JSSE
        ? Jsse.client(credentials, hostname, BOTH)
        : BoringSsl.client(credentials, hostname, BOTH);
  }

  TlsEngine server(X509Credentials credentials) throws ChannelException {
    List<String> known = version.equals("TLSv1.3") ? BOTH : List.of(version);
    return to == TlsEngines.Kind.JSSE
        ? Jsse.server(credentials, known)
        : BoringSsl.server(credentials, known);
  }

  /** By how much the client's records may not be full: JSSE is a little generous with room. */
  int leftOut() {
    return from == TlsEngines.Kind.JSSE ? 32 : 0;
  }

  /** What they agree upon with keys on elliptic curves. */
  String cipher() {
    return version.equals("TLSv1.3")
        ? "TLS_AES_128_GCM_SHA256"
        : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
  }
}
