package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.List;
import java.util.Optional;
import java.util.Vector;
import org.bouncycastle.tls.AbstractTlsServer;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.BasicTlsPSKExternal;
import org.bouncycastle.tls.NamedGroup;
import org.bouncycastle.tls.PRFAlgorithm;
import org.bouncycastle.tls.ProtocolName;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.PskIdentity;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsPSKExternal;
import org.bouncycastle.tls.crypto.TlsCrypto;
import org.bouncycastle.tls.crypto.TlsSecret;
import org.jspecify.annotations.Nullable;

/** What a server takes of what a client offers. */
@SuppressWarnings({"JdkObsolete", "rawtypes", "unchecked"}) // bctls speaks in vectors.
final class BouncyServer extends AbstractTlsServer implements BouncyPeer {
  /** Identities of one client that are looked at; QEMU and Godwit name one. */
  private static final int MAX_IDENTITIES = 16;

  private static final int MAX_SHOWN_BYTES = 64;

  private final BouncyTerms terms;
  private final List<PreSharedKey> keys;
  private Optional<TlsSecret> key = Optional.empty();
  private String identity = "";
  private Optional<String> unknown = Optional.empty();
  private String application = "";

  /**
   * @param keys one of which is copied, once a client names it
   */
  BouncyServer(TlsCrypto crypto, BouncyTerms terms, List<PreSharedKey> keys) {
    super(crypto);
    this.terms = terms;
    this.keys = keys;
  }

  BouncyTerms terms() {
    return terms;
  }

  /** Lets the handshake end only if the client has proven that it has a key. */
  void check(boolean keyTaken) throws TlsFatalAlert {
    if (terms == BouncyTerms.PSK && !keyTaken) {
      throw noKey();
    }
    application = BouncyEngines.application(context.getSecurityParametersHandshake());
  }

  @Override
  public PeerIdentity proven() {
    return terms == BouncyTerms.PSK
        ? new PeerIdentity.Named("psk", identity)
        : new PeerIdentity.Unknown();
  }

  @Override
  public String application() {
    return application;
  }

  @Override
  public ChannelException failed(short alert) {
    return switch (alert) {
      case AlertDescription.decrypt_error, AlertDescription.bad_record_mac ->
          key.isPresent()
              ? new ChannelException.Untrusted(
                  "The client has another pre-shared key for '" + identity + "'")
              : BouncyAlerts.raised(alert);
      case AlertDescription.protocol_version ->
          new ChannelException.Violated("The client does not offer " + terms.protocol());
      case AlertDescription.handshake_failure ->
          new ChannelException.Violated(
              terms == BouncyTerms.ANON
                  ? "The client does not offer to be anonymous"
                  : "The client does not offer "
                      + terms.cipher()
                      + " with a group that can be taken");
      default -> BouncyAlerts.raised(alert);
    };
  }

  @Override
  public ChannelException refused(short alert) {
    return switch (alert) {
      case AlertDescription.decrypt_error, AlertDescription.bad_record_mac ->
          key.isPresent()
              ? new ChannelException.Untrusted(
                  "The client has another pre-shared key for '" + identity + "'")
              : BouncyAlerts.received(alert);
      case AlertDescription.unknown_psk_identity ->
          new ChannelException.Untrusted(
              "The client does not take the pre-shared key of '" + identity + "'");
      default -> BouncyAlerts.received(alert);
    };
  }

  @Override
  public void forget() {
    key.ifPresent(TlsSecret::destroy);
  }

  @Override
  public @Nullable TlsPSKExternal getExternalPSK(Vector offered) {
    // Asked again after a request for another key share.
    forget();
    key = Optional.empty();
    int looked = Math.min(offered.size(), MAX_IDENTITIES);
    for (int i = 0; i < looked; i++) {
      byte[] name = ((PskIdentity) offered.get(i)).getIdentity();
      for (PreSharedKey mine : keys) {
        if (Arrays.equals(name, mine.identity().getBytes(StandardCharsets.UTF_8))) {
          TlsSecret copy = getCrypto().createSecret(mine.key());
          key = Optional.of(copy);
          identity = mine.identity();
          return new BasicTlsPSKExternal(name, copy, PRFAlgorithm.tls13_hkdf_sha256);
        }
      }
    }
    unknown = Optional.of(shown(((PskIdentity) offered.get(0)).getIdentity()));
    return null;
  }

  @Override
  public void processClientExtensions(@Nullable Hashtable extensions) throws IOException {
    if (terms == BouncyTerms.PSK && key.isEmpty()) {
      throw noKey();
    }
    super.processClientExtensions(extensions);
    // Small records would only make the channel slow.
    maxFragmentLengthOffered = -1;
  }

  @Override
  public @Nullable TlsCredentials getCredentials() throws TlsFatalAlert {
    if (terms == BouncyTerms.PSK) {
      throw noKey();
    }
    return null;
  }

  @Override
  public int getMaxHandshakeMessageSize() {
    return BouncyEngines.MAX_HANDSHAKE_MESSAGE_BYTES;
  }

  @Override
  public boolean requiresExtendedMasterSecret() {
    return true;
  }

  @Override
  public int[] getSupportedGroups() {
    return terms.groups().stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  protected ProtocolVersion[] getSupportedVersions() {
    return terms.version().only();
  }

  @Override
  protected int[] getSupportedCipherSuites() {
    return new int[] {terms.suite()};
  }

  /** The first of the client's groups that is taken; a client without any gets the default. */
  @Override
  protected int selectDH(int minimumBits) {
    int[] offered = context.getSecurityParametersHandshake().getClientSupportedGroups();
    boolean finite = false;
    for (int group : offered == null ? new int[0] : offered) {
      if (terms.groups().contains(group)) {
        return group;
      }
      finite |= NamedGroup.isFiniteField(group);
    }
    return finite ? -1 : selectDHDefault(minimumBits);
  }

  @Override
  protected int getMaximumNegotiableFiniteFieldBits() {
    int group = selectDH(0);
    return group < 0 ? 0 : NamedGroup.getFiniteFieldBits(group);
  }

  @Override
  protected Vector getProtocolNames() {
    return BouncyEngines.protocolNames();
  }

  /** Goes on without a protocol if none is known. */
  @Override
  protected @Nullable ProtocolName selectProtocolName() {
    return selectProtocolName(clientProtocolNames, getProtocolNames());
  }

  private BouncyRefusal noKey() {
    return unknown.isPresent()
        ? new BouncyRefusal(
            AlertDescription.unknown_psk_identity,
            new ChannelException.Untrusted(
                "The client names a pre-shared key for '" + unknown.get() + "', and there is none"))
        : new BouncyRefusal(
            AlertDescription.handshake_failure,
            new ChannelException.Untrusted("The client offers no pre-shared key"));
  }

  /** What a peer calls itself, fit for a message. */
  private static String shown(byte[] name) {
    int length = Math.min(name.length, MAX_SHOWN_BYTES);
    return new String(name, 0, length, StandardCharsets.UTF_8)
            .replaceAll("[^\\p{L}\\p{N}\\p{P}\\p{S} ]", "?")
        + (length < name.length ? "..." : "");
  }
}
