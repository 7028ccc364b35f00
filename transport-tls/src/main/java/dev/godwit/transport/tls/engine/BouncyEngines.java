package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import dev.godwit.transport.tls.credentials.PskCredentials;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.Vector;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.ProtocolName;
import org.bouncycastle.tls.SecurityParameters;
import org.bouncycastle.tls.TlsFatalAlert;

/**
 * Makes engines of Bouncy Castle's TLS for what no other implementation has: external pre-shared
 * keys and anonymous peers. Its own ciphers are slow, so those of the JDK do the work.
 */
final class BouncyEngines {
  /** Longer than any message without certificates is. */
  static final int MAX_HANDSHAKE_MESSAGE_BYTES = 32 * 1024;

  private BouncyEngines() {}

  /** An engine that begins a connection with its first key. */
  static TlsEngine client(Credentials credentials) throws ChannelException {
    BouncyCrypto crypto = new BouncyCrypto(new SecureRandom());
    BouncyClient client =
        switch (credentials) {
          case PskCredentials psk ->
              new BouncyClient(crypto, BouncyTerms.PSK, Optional.of(psk.keys().getFirst()));
          case AnonCredentials _ -> new BouncyClient(crypto, BouncyTerms.ANON, Optional.empty());
          case X509Credentials _ -> throw noCertificates();
        };
    BouncyWire wire = new BouncyWire();
    return new BouncyEngine(
        crypto, client.terms(), client, new BouncyClientProtocol(client, wire), wire);
  }

  /** An engine that answers one, and takes any of its keys. */
  static TlsEngine server(Credentials credentials) throws ChannelException {
    BouncyCrypto crypto = new BouncyCrypto(new SecureRandom());
    BouncyServer server =
        switch (credentials) {
          case PskCredentials psk -> new BouncyServer(crypto, BouncyTerms.PSK, psk.keys());
          case AnonCredentials _ ->
              new BouncyServer(crypto, BouncyTerms.ANON, List.<PreSharedKey>of());
          case X509Credentials _ -> throw noCertificates();
        };
    BouncyWire wire = new BouncyWire();
    return new BouncyEngine(
        crypto, server.terms(), server, new BouncyServerProtocol(server, wire), wire);
  }

  @SuppressWarnings({"JdkObsolete", "rawtypes", "unchecked"}) // bctls speaks in vectors.
  static Vector protocolNames() {
    Vector names = new Vector();
    names.add(ProtocolName.asUtf8Encoding(TlsEngines.GODWIT));
    return names;
  }

  /** The protocol that a handshake settled, empty if none. */
  static String application(SecurityParameters parameters) throws TlsFatalAlert {
    ProtocolName name = parameters.getApplicationProtocol();
    if (name == null) {
      return "";
    }
    if (!name.getUtf8Decoding().equals(TlsEngines.GODWIT)) {
      throw new TlsFatalAlert(AlertDescription.illegal_parameter);
    }
    return TlsEngines.GODWIT;
  }

  private static ChannelException noCertificates() {
    return new ChannelException.Unsupported(
        "Engine bouncy-castle takes pre-shared keys and anonymous peers, and no certificates"
            + " (boringssl and jsse do)");
  }
}
