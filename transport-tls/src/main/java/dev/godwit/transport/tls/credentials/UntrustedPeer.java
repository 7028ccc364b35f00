package dev.godwit.transport.tls.credentials;

import java.security.cert.CertificateException;

/**
 * A certificate is not to be trusted; the message is one sentence that names its subject and why.
 */
public final class UntrustedPeer extends CertificateException {
  private static final long serialVersionUID = 1;

  /** Which alert says so to the peer. */
  public enum Reason {
    UNKNOWN_AUTHORITY,
    EXPIRED,
    NOT_YET_VALID,
    REVOKED,
    WRONG_NAME,
    WRONG_USE,
    NO_CERTIFICATE,
    BROKEN
  }

  private final Reason reason;

  public UntrustedPeer(Reason reason, String sentence) {
    super(sentence);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
