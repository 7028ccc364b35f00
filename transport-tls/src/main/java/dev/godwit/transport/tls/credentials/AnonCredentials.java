package dev.godwit.transport.tls.credentials;

/**
 * None: bytes are encrypted, but nobody proves who he is, so whoever is in between can be the peer.
 */
public record AnonCredentials() implements Credentials {
  @Override
  public void close() {}
}
