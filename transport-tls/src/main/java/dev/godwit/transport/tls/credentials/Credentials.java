package dev.godwit.transport.tls.credentials;

/** Who this side is and whom it trusts, as read from files at one moment. */
public sealed interface Credentials extends AutoCloseable
    permits X509Credentials, PskCredentials, AnonCredentials {

  /** Clears secrets where they can be cleared; idempotent. */
  @Override
  void close();
}
