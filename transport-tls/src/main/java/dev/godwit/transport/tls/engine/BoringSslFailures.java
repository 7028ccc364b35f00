package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import io.netty.internal.tcnative.SSL;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What BoringSSL leaves in its queue of errors, in our words. */
final class BoringSslFailures {
  /** The reason of an alert that came is this and the alert's number. */
  private static final int ALERTS = 1000;

  private static final int REASON_MASK = 0xfff;
  private static final int MOST_ERRORS = 16;

  private BoringSslFailures() {}

  /**
   * Takes all of this thread's queue.
   *
   * @param done whether the handshake was
   */
  static ChannelException taken(CertificateCheck check, boolean done) {
    StringBuilder all = new StringBuilder();
    ChannelException alert = null;
    for (int i = 0; i < MOST_ERRORS; i++) {
      int error = SSL.getLastErrorNumber();
      if (error == 0) {
        break;
      }
      int reason = error & REASON_MASK;
      if (alert == null && reason > ALERTS) {
        alert = Alerts.inHandshake(reason - ALERTS);
      }
      all.append(SSL.getErrorString(error)).append('\n');
    }
    SSL.clearError();
    if (check.refused().isPresent()) {
      return new ChannelException.Untrusted(String.valueOf(check.refused().get().getMessage()));
    }
    if (alert != null) {
      return done ? Alerts.later(alert) : alert;
    }
    String words = all.toString().stripTrailing();
    if (words.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE")) {
      return new ChannelException.Untrusted("The peer showed no certificate");
    }
    if (words.contains("DECRYPTION_FAILED_OR_BAD_RECORD_MAC") || words.contains("BAD_DECRYPT")) {
      return Records.damaged();
    }
    return new ChannelException.Violated(
        (done ? "The peer broke TLS: " : "The TLS handshake failed: ") + words(words));
  }

  /** The last part of {@code error:10000132:SSL routines:OPENSSL_internal:REASON}, as words. */
  static String words(@Nullable String error) {
    if (error == null || error.isEmpty()) {
      return "no reason given";
    }
    return error.substring(error.lastIndexOf(':') + 1).toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
