package dev.godwit.transport.tls.credentials;

import java.util.List;

/**
 * Pre-shared keys.
 *
 * @param keys a server's: any of them; a client's: the one of its user name
 */
public record PskCredentials(List<PreSharedKey> keys) implements Credentials {
  @Override
  public void close() {
    keys.forEach(PreSharedKey::close);
  }
}
