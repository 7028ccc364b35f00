package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.AlertLevel;
import org.bouncycastle.tls.ContentType;
import org.bouncycastle.tls.KeyUpdateRequest;
import org.bouncycastle.tls.SecurityParameters;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsServerProtocol;
import org.bouncycastle.tls.crypto.TlsSecret;

/**
 * bctls' server, with data straight to its reader, each side's end for itself, and no second
 * handshake.
 */
final class BouncyServerProtocol extends TlsServerProtocol implements BouncyWire.Hooks {
  private final BouncyServer server;
  private final BouncyWire wire;

  BouncyServerProtocol(BouncyServer server, BouncyWire wire) {
    this.server = server;
    this.wire = wire;
  }

  @Override
  public void begin() throws IOException {
    accept(server);
  }

  @Override
  public void farewell() throws IOException {
    raiseAlertWarning(AlertDescription.close_notify, "");
  }

  @Override
  public void breakOff(TlsFatalAlert alert) throws IOException {
    handleException(alert.getAlertDescription(), "", alert);
  }

  @Override
  public void renewKey() throws IOException {
    send13KeyUpdate(false);
  }

  @Override
  public void destroyKeys() {
    SecurityParameters parameters =
        getContext() == null ? null : getContext().getSecurityParameters();
    if (parameters != null) {
      destroy(parameters.getTrafficSecretClient());
      destroy(parameters.getTrafficSecretServer());
    }
  }

  @Override
  protected void writeRecord(short type, byte[] bytes, int offset, int length) throws IOException {
    wire.outbound.lock();
    try {
      super.writeRecord(type, bytes, offset, length);
      if (type == ContentType.alert) {
        wire.alert();
      }
    } finally {
      wire.outbound.unlock();
    }
  }

  @Override
  protected void processRecord(short type, byte[] bytes, int offset, int length)
      throws IOException {
    if (!wire.take(type == ContentType.application_data, bytes, offset, length)) {
      super.processRecord(type, bytes, offset, length);
    }
  }

  @Override
  protected void handleAlertMessage(short level, short description) throws IOException {
    if (description != AlertDescription.close_notify) {
      // RFC 8446 6: all but two alerts are fatal, whatever their level says.
      boolean warning =
          level == AlertLevel.warning
              && (description == AlertDescription.user_canceled
                  || (!wire.established() && description == AlertDescription.unrecognized_name));
      super.handleAlertMessage(warning ? AlertLevel.warning : AlertLevel.fatal, description);
    } else if (wire.established()) {
      wire.end();
    } else {
      throw new BouncyRefusal(
          AlertDescription.handshake_failure,
          new ChannelException.Lost("The peer ended the connection within the TLS handshake"));
    }
  }

  @Override
  protected void receive13KeyUpdate(ByteArrayInputStream message) throws IOException {
    wire.outbound.lock();
    try {
      byte[] asked = message.readAllBytes();
      super.receive13KeyUpdate(new ByteArrayInputStream(asked));
      if (asked[0] == KeyUpdateRequest.update_requested) {
        wire.oweKey(true);
      }
    } finally {
      wire.outbound.unlock();
    }
  }

  @Override
  protected void refuseRenegotiation() throws IOException {
    throw new BouncyRefusal(
        AlertDescription.no_renegotiation,
        new ChannelException.Violated("The peer asked for a second TLS handshake"));
  }

  @Override
  protected void completeHandshake() throws IOException {
    server.check(selectedPSK13);
    super.completeHandshake();
    wire.establish();
  }

  private static void destroy(TlsSecret secret) {
    if (secret != null) {
      secret.destroy();
    }
  }
}
