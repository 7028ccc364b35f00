package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.util.Locale;

/** Alerts in words (RFC 8446, 6.2), those that TLS 1.2 alone has too. */
enum Alerts {
  UNEXPECTED_MESSAGE(10),
  BAD_RECORD_MAC(20),
  RECORD_OVERFLOW(22),
  DECOMPRESSION_FAILURE(30),
  HANDSHAKE_FAILURE(40),
  NO_CERTIFICATE(41),
  BAD_CERTIFICATE(42),
  UNSUPPORTED_CERTIFICATE(43),
  CERTIFICATE_REVOKED(44),
  CERTIFICATE_EXPIRED(45),
  CERTIFICATE_UNKNOWN(46),
  ILLEGAL_PARAMETER(47),
  UNKNOWN_CA(48),
  ACCESS_DENIED(49),
  DECODE_ERROR(50),
  DECRYPT_ERROR(51),
  PROTOCOL_VERSION(70),
  INSUFFICIENT_SECURITY(71),
  INTERNAL_ERROR(80),
  INAPPROPRIATE_FALLBACK(86),
  USER_CANCELED(90),
  NO_RENEGOTIATION(100),
  MISSING_EXTENSION(109),
  UNSUPPORTED_EXTENSION(110),
  UNRECOGNIZED_NAME(112),
  BAD_CERTIFICATE_STATUS_RESPONSE(113),
  UNKNOWN_PSK_IDENTITY(115),
  CERTIFICATE_REQUIRED(116),
  NO_APPLICATION_PROTOCOL(120);

  private static final String CERTIFICATE = "The peer refused this side's certificate: ";

  private final int number;

  Alerts(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }

  /** What it means that the peer sent alert {@code number} in the handshake. */
  static ChannelException inHandshake(int number) {
    for (Alerts alert : values()) {
      if (alert.number == number) {
        return alert.inHandshake();
      }
    }
    return new ChannelException.Violated("The peer broke the TLS handshake off: alert " + number);
  }

  /**
   * The same, for an alert by its name.
   *
   * @param name as RFC 8446 has it, in any case
   */
  static ChannelException inHandshake(String name) {
    for (Alerts alert : values()) {
      if (alert.name().equalsIgnoreCase(name)) {
        return alert.inHandshake();
      }
    }
    return new ChannelException.Violated("The peer broke the TLS handshake off: " + name);
  }

  /** What it means that the peer sent {@code alert} once the handshake was done at this side. */
  static ChannelException later(ChannelException alert) {
    return alert instanceof ChannelException.Untrusted
        ? alert
        : new ChannelException.Lost(String.valueOf(alert.getMessage()));
  }

  private ChannelException inHandshake() {
    return switch (this) {
      case BAD_CERTIFICATE, BAD_CERTIFICATE_STATUS_RESPONSE ->
          untrusted(CERTIFICATE + "it is not good");
      case UNSUPPORTED_CERTIFICATE -> untrusted(CERTIFICATE + "it is not for this use");
      case CERTIFICATE_REVOKED -> untrusted(CERTIFICATE + "it is revoked");
      case CERTIFICATE_EXPIRED -> untrusted(CERTIFICATE + "it has expired, or is not yet valid");
      case CERTIFICATE_UNKNOWN -> untrusted(CERTIFICATE + "it does not say why");
      case UNKNOWN_CA -> untrusted(CERTIFICATE + "it does not trust the authority that signed it");
      case ACCESS_DENIED -> untrusted("The peer does not let this side in");
      case NO_CERTIFICATE, CERTIFICATE_REQUIRED ->
          untrusted("The peer demands a certificate, and this side has none");
      case UNKNOWN_PSK_IDENTITY -> untrusted("The peer does not know this side's PSK identity");
      case DECRYPT_ERROR ->
          untrusted("The peer could not check this side's key or signature: they do not match");
      case HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY ->
          violated("no cipher in common, or it demands a certificate that this side has not");
      case PROTOCOL_VERSION -> violated("no version of TLS in common");
      default -> violated(name().toLowerCase(Locale.ROOT).replace('_', ' '));
    };
  }

  private static ChannelException untrusted(String sentence) {
    return new ChannelException.Untrusted(sentence);
  }

  private static ChannelException violated(String why) {
    return new ChannelException.Violated("The peer broke the TLS handshake off: " + why);
  }
}
