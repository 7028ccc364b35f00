package dev.godwit.transport.tls;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.security.auth.x500.X500Principal;

/**
 * Who is let in, as {@code tls-authz} says. Subjects of certificates are compared as names, so that
 * neither blanks nor the case of a keyword matter, and may begin at either end; identities of
 * pre-shared keys are compared letter by letter.
 */
record AllowedPeers(List<String> names) {
  /** What a certificate's identity is of. */
  private static final String X509 = "x509";

  AllowedPeers {
    names = List.copyOf(names);
  }

  /** Refuses whoever is not among the names, where there are any. */
  void check(PeerIdentity peer) throws ChannelException.Untrusted {
    if (names.isEmpty()) {
      return;
    }
    if (!(peer instanceof PeerIdentity.Named named)) {
      throw new ChannelException.Untrusted(
          "The peer proves no identity, and tls-authz lets in certain ones only");
    }
    boolean allowed =
        named.kind().equals(X509)
            ? names.stream().anyMatch(name -> isSubject(name, named.name()))
            : names.contains(named.name());
    if (!allowed) {
      throw new ChannelException.Untrusted(
          "Peer " + named + " is not among those that tls-authz lets in");
    }
  }

  /** Whether {@code name} can be the subject of a certificate at all. */
  static boolean isSubject(String name) {
    return subject(name).isPresent();
  }

  private static boolean isSubject(String name, String peer) {
    Optional<X500Principal> proven = subject(peer);
    return proven.isPresent() && (subject(name).equals(proven) || reversed(name).equals(proven));
  }

  private static Optional<X500Principal> subject(String name) {
    try {
      return Optional.of(new X500Principal(name));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static Optional<X500Principal> reversed(String name) {
    try {
      List<Rdn> parts = new ArrayList<>(new LdapName(name).getRdns());
      return subject(new LdapName(parts.reversed()).toString());
    } catch (InvalidNameException e) {
      return Optional.empty();
    }
  }
}
