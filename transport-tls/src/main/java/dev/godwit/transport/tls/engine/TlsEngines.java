package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.PskCredentials;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Makes the engine that suits the credentials. */
public final class TlsEngines {
  /**
   * The protocol that two Godwits agree upon (ALPN). Offered by each client and taken by each
   * server.
   */
  public static final String GODWIT = "godwit";

  /** 1.2 is for an old peer with certificates. */
  private static final List<String> VERSIONS = List.of("TLSv1.3", "TLSv1.2");

  private TlsEngines() {}

  /** Which implementation to take; the first is the one for its credentials. */
  public enum Kind {
    BORINGSSL,
    JSSE,
    BOUNCY_CASTLE
  }

  /**
   * An engine that begins a connection.
   *
   * @param credentials copied from what is needed; the caller may close them once the handshake is
   *     done
   * @param hostname what the server's certificate must be for; empty if its name is not looked at
   * @param kind another than the usual one
   */
  public static TlsEngine client(
      Credentials credentials, Optional<String> hostname, Optional<Kind> kind)
      throws ChannelException {
    Kind taken = taken(credentials, kind);
    return switch (taken) {
      case BOUNCY_CASTLE -> BouncyEngines.client(credentials);
      case JSSE -> Jsse.client(x509(credentials, taken), hostname, VERSIONS);
      case BORINGSSL -> BoringSsl.client(x509(credentials, taken), hostname, VERSIONS);
    };
  }

  /** An engine that answers one. */
  public static TlsEngine server(Credentials credentials, Optional<Kind> kind)
      throws ChannelException {
    Kind taken = taken(credentials, kind);
    return switch (taken) {
      case BOUNCY_CASTLE -> BouncyEngines.server(credentials);
      case JSSE -> Jsse.server(x509(credentials, taken), VERSIONS);
      case BORINGSSL -> BoringSsl.server(x509(credentials, taken), VERSIONS);
    };
  }

  private static Kind taken(Credentials credentials, Optional<Kind> kind) {
    Kind usual =
        switch (credentials) {
          case X509Credentials x509 -> BoringSsl.takes(x509) ? Kind.BORINGSSL : Kind.JSSE;
          case PskCredentials _, AnonCredentials _ -> Kind.BOUNCY_CASTLE;
        };
    return kind.orElse(usual);
  }

  private static X509Credentials x509(Credentials credentials, Kind kind)
      throws ChannelException.Unsupported {
    if (credentials instanceof X509Credentials x509) {
      return x509;
    }
    throw new ChannelException.Unsupported(
        "The TLS engine "
            + kind.name().toLowerCase(Locale.ROOT)
            + " does certificates only: leave tls-engine away");
  }
}
