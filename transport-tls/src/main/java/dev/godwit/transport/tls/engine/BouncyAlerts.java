package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import org.bouncycastle.tls.AlertDescription;

/** What alerts say, where nobody knows better. */
final class BouncyAlerts {
  private BouncyAlerts() {}

  /** An alert that this side raised. */
  static ChannelException raised(short alert) {
    return new ChannelException.Violated(
        switch (alert) {
          case AlertDescription.bad_record_mac, AlertDescription.decrypt_error ->
              "A TLS record arrived damaged, repeated or out of order";
          case AlertDescription.record_overflow -> "A TLS record is too long";
          case AlertDescription.unexpected_message ->
              "The peer sent a TLS message that has no place here";
          case AlertDescription.protocol_version ->
              "The peer offers no version of TLS that can be taken";
          case AlertDescription.handshake_failure ->
              "The peer offers no cipher or key exchange that can be taken";
          default -> "The peer broke the rules of TLS (" + name(alert) + ")";
        });
  }

  /** An alert that the peer sent. */
  static ChannelException received(short alert) {
    return switch (alert) {
      case AlertDescription.protocol_version ->
          new ChannelException.Violated("The peer takes no version of TLS that was offered");
      case AlertDescription.handshake_failure, AlertDescription.insufficient_security ->
          new ChannelException.Violated(
              "The peer takes no cipher or key exchange that was offered");
      case AlertDescription.access_denied,
          AlertDescription.unknown_psk_identity,
          AlertDescription.certificate_required ->
          new ChannelException.Untrusted(
              "The peer does not let this side in (" + name(alert) + ")");
      case AlertDescription.bad_record_mac, AlertDescription.decrypt_error ->
          new ChannelException.Lost("The peer got a TLS record damaged, repeated or out of order");
      default ->
          new ChannelException.Lost("The peer ended the connection in a TLS alert: " + name(alert));
    };
  }

  private static String name(short alert) {
    return AlertDescription.getName(alert);
  }
}
