package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Vector;
import org.bouncycastle.tls.AbstractTlsClient;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.BasicTlsPSKExternal;
import org.bouncycastle.tls.CertificateStatusRequest;
import org.bouncycastle.tls.PRFAlgorithm;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.PskKeyExchangeMode;
import org.bouncycastle.tls.TlsAuthentication;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsPSK;
import org.bouncycastle.tls.crypto.TlsCrypto;
import org.bouncycastle.tls.crypto.TlsSecret;
import org.jspecify.annotations.Nullable;

/** What a client offers, and what it takes for an answer. */
@SuppressWarnings({"JdkObsolete", "rawtypes", "unchecked"}) // bctls speaks in vectors.
final class BouncyClient extends AbstractTlsClient implements BouncyPeer {
  private final BouncyTerms terms;
  private final String identity;
  private final Optional<TlsSecret> key;
  private String application = "";

  /**
   * @param key copied; empty for an anonymous client
   */
  BouncyClient(TlsCrypto crypto, BouncyTerms terms, Optional<PreSharedKey> key) {
    super(crypto);
    this.terms = terms;
    this.identity = key.map(PreSharedKey::identity).orElse("");
    this.key = key.map(secret -> crypto.createSecret(secret.key()));
  }

  BouncyTerms terms() {
    return terms;
  }

  /** Lets the handshake end only if the server has proven that it has the key. */
  void check(boolean keyTaken) throws TlsFatalAlert {
    if (key.isPresent() && !keyTaken) {
      throw keyNotTaken();
    }
    application = BouncyEngines.application(context.getSecurityParametersHandshake());
  }

  @Override
  public PeerIdentity proven() {
    return key.isPresent() ? new PeerIdentity.Named("psk", identity) : new PeerIdentity.Unknown();
  }

  @Override
  public String application() {
    return application;
  }

  @Override
  public ChannelException failed(short alert) {
    return switch (alert) {
      case AlertDescription.bad_record_mac, AlertDescription.decrypt_error ->
          key.isPresent()
              ? new ChannelException.Untrusted(
                  "The server does not have the pre-shared key of '" + identity + "'")
              : BouncyAlerts.raised(alert);
      case AlertDescription.protocol_version ->
          new ChannelException.Violated("The server does not take " + terms.protocol());
      default -> BouncyAlerts.raised(alert);
    };
  }

  @Override
  public ChannelException refused(short alert) {
    if (key.isEmpty()) {
      return alert == AlertDescription.handshake_failure
          ? new ChannelException.Violated("The server takes no anonymous clients")
          : BouncyAlerts.received(alert);
    }
    return switch (alert) {
      case AlertDescription.unknown_psk_identity ->
          new ChannelException.Untrusted("The server has no pre-shared key for '" + identity + "'");
      case AlertDescription.decrypt_error, AlertDescription.bad_record_mac ->
          new ChannelException.Untrusted(
              "The server has another pre-shared key for '" + identity + "'");
      case AlertDescription.handshake_failure,
          AlertDescription.illegal_parameter,
          AlertDescription.insufficient_security,
          AlertDescription.missing_extension ->
          new ChannelException.Untrusted(
              "The server does not take the pre-shared key of '"
                  + identity
                  + "': it has none of that name, another one, or wants certificates");
      default -> BouncyAlerts.received(alert);
    };
  }

  @Override
  public void forget() {
    key.ifPresent(TlsSecret::destroy);
  }

  @Override
  public Vector getExternalPSKs() {
    Vector keys = new Vector();
    key.ifPresent(
        secret ->
            keys.add(
                new BasicTlsPSKExternal(
                    identity.getBytes(StandardCharsets.UTF_8),
                    secret,
                    PRFAlgorithm.tls13_hkdf_sha256)));
    return keys;
  }

  @Override
  public short[] getPskKeyExchangeModes() {
    return new short[] {PskKeyExchangeMode.psk_dhe_ke};
  }

  @Override
  public void notifySelectedPSK(@Nullable TlsPSK selected) throws TlsFatalAlert {
    if (key.isPresent() && selected == null) {
      throw keyNotTaken();
    }
  }

  @Override
  public TlsAuthentication getAuthentication() throws TlsFatalAlert {
    throw keyNotTaken();
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
  protected ProtocolVersion[] getSupportedVersions() {
    return terms.version().only();
  }

  @Override
  protected int[] getSupportedCipherSuites() {
    return new int[] {terms.suite()};
  }

  @Override
  protected Vector getSupportedGroups(Vector roles) {
    return new Vector(terms.groups());
  }

  @Override
  protected Vector getProtocolNames() {
    return BouncyEngines.protocolNames();
  }

  @Override
  protected @Nullable CertificateStatusRequest getCertificateStatusRequest() {
    return null;
  }

  private BouncyRefusal keyNotTaken() {
    return new BouncyRefusal(
        AlertDescription.handshake_failure,
        new ChannelException.Untrusted(
            "The server did not use the pre-shared key of '" + identity + "'"));
  }
}
