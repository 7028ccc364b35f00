package dev.godwit.transport.tls.credentials;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One thing in a directory of credentials, as it is told to a user. Never a secret.
 *
 * @param file where it is
 * @param subject whom it names: the subject of a certificate, the user of a key
 * @param names the hosts that a certificate is for
 * @param expires when it stops being of use; empty if never, or if that cannot be known
 * @param problem a sentence that says why it cannot be used; empty if it can
 */
public record CredentialsEntry(
    Path file,
    String subject,
    List<String> names,
    Optional<Instant> expires,
    Optional<String> problem) {
  public CredentialsEntry {
    names = List.copyOf(names);
  }

  static CredentialsEntry broken(Path file, CredentialsException problem) {
    return new CredentialsEntry(
        file, "", List.of(), Optional.empty(), Optional.of(String.valueOf(problem.getMessage())));
  }
}
