package dev.godwit.transport.tls;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Protection;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.CredentialsDirectory;
import dev.godwit.transport.tls.credentials.CredentialsException;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code tls}: encrypts and authenticates every byte, placed ones too. Who dials is the client, who
 * accepts the server, as with QEMU; each channel has a handshake of its own (qemu-wire.md §7).
 *
 * <p>Credentials are read when a URI is looked at, so that what is wrong with them is said before
 * anything is begun, and again for each channel, so that new ones need no restart.
 */
public final class TlsLayer implements Layer {
  /** Schemes whose address is that of a host. */
  private static final Set<String> OF_HOSTS = Set.of("tcp", "tls", "rdma");

  private static final Logger LOG = LoggerFactory.getLogger(TlsLayer.class);

  @Override
  public String key() {
    return TlsOptions.KEY;
  }

  @Override
  public String grammar() {
    return TlsOptions.GRAMMAR;
  }

  @Override
  public Map<String, String> settings() {
    return TlsOptions.SETTINGS;
  }

  @Override
  public Protection protection(Protection beneath) {
    return Protection.ENCRYPTED;
  }

  @Override
  public boolean waits() {
    return true;
  }

  @Override
  public Wrapping configure(Naming naming) {
    TlsOptions options = TlsOptions.of(naming.value(), naming.endpoint().settings());
    boolean dialling = naming.side() == Side.DIALLING;
    try (Credentials credentials =
        options.read(
            dialling ? CredentialsDirectory.Side.CLIENT : CredentialsDirectory.Side.SERVER)) {
      if (credentials instanceof AnonCredentials) {
        LOG.warn(
            "{} takes anonymous peers: bytes are encrypted, but anybody can be the other end",
            naming.endpoint());
      }
      if (credentials instanceof X509Credentials x509) {
        check(options, x509, naming);
      }
    } catch (CredentialsException e) {
      throw new EndpointException(String.valueOf(e.getMessage()));
    }
    return dialling
        ? TlsHandshake.client(options, name(naming.endpoint()))
        : TlsHandshake.server(options);
  }

  /** What can be seen to be wrong before anybody is dialled or let in. */
  private static void check(TlsOptions options, X509Credentials x509, Naming naming) {
    for (String name : options.authz()) {
      if (!AllowedPeers.isSubject(name)) {
        throw new EndpointException(
            "Setting tls-authz must be the subject of a certificate such as CN=hosta, not '"
                + name
                + "'");
      }
    }
    if (naming.side() == Side.DIALLING
        && x509.verifyPeer()
        && options.hostname().isEmpty()
        && name(naming.endpoint()).isEmpty()) {
      throw new EndpointException(
          "There is no host in "
              + naming.endpoint().scheme()
              + ": that a server's certificate could be for, name it as in tls-hostname=hostb");
    }
  }

  /** The host that is dialled, if the address has one. */
  private static Optional<String> name(Endpoint endpoint) {
    return OF_HOSTS.contains(endpoint.scheme())
        ? Optional.of(HostPort.of(endpoint).host()).filter(host -> !host.isEmpty())
        : Optional.empty();
  }
}
