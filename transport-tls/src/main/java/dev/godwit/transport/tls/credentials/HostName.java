package dev.godwit.transport.tls.credentials;

import java.net.IDN;
import java.net.InetAddress;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/**
 * Whether a certificate is for a host: by its alternative names; by its common name only if it has
 * none of that kind, which is how GnuTLS, and with it QEMU, looks at it (RFC 6125).
 */
final class HostName {
  private static final int DNS_NAME = 2;
  private static final int IP_ADDRESS = 7;
  private static final int MOST_NAME_CHARS = 253;
  private static final int MOST_LABEL_CHARS = 63;

  private HostName() {}

  /** Whether {@code certificate} is for {@code host}, a DNS name or an address. */
  static boolean matches(X509Certificate certificate, String host) {
    Optional<InetAddress> address = address(host);
    List<String> names = alternatives(certificate, address.isPresent() ? IP_ADDRESS : DNS_NAME);
    if (address.isPresent()) {
      return names.isEmpty()
          ? commonName(certificate).flatMap(HostName::address).equals(address)
          : names.stream().map(HostName::address).anyMatch(address::equals);
    }
    Optional<String> wanted = normal(host);
    if (wanted.isEmpty()) {
      return false;
    }
    List<String> candidates = names.isEmpty() ? commonName(certificate).stream().toList() : names;
    return candidates.stream().anyMatch(n -> matches(n, wanted.get()));
  }

  /** All names that a certificate is for, as they are told to a user. */
  static List<String> names(X509Certificate certificate) {
    List<String> names = new ArrayList<>(alternatives(certificate, DNS_NAME));
    names.addAll(alternatives(certificate, IP_ADDRESS).stream().map(HostName::shortened).toList());
    if (names.isEmpty()) {
      commonName(certificate).ifPresent(names::add);
    }
    return names;
  }

  /**
   * Refuses what is neither a DNS name (with a wildcard as its first label perhaps) nor an address.
   *
   * @throws IllegalArgumentException with a sentence
   */
  static void requireValid(String name) {
    if (address(name).isPresent()) {
      return;
    }
    String rest = name.startsWith("*.") ? name.substring(2) : name;
    boolean valid = !rest.isEmpty() && name.length() <= MOST_NAME_CHARS;
    for (String label : rest.split("\\.", -1)) {
      valid &=
          !label.isEmpty()
              && label.length() <= MOST_LABEL_CHARS
              && !label.startsWith("-")
              && label
                  .chars()
                  .allMatch(
                      c ->
                          (c >= 'a' && c <= 'z')
                              || (c >= 'A' && c <= 'Z')
                              || (c >= '0' && c <= '9')
                              || c == '-'
                              || c == '_');
    }
    if (!valid) {
      throw new IllegalArgumentException(
          "A host is a DNS name or an address, as in hosta or 192.0.2.1, not '" + name + "'");
    }
  }

  /** The address that a literal says, without asking anybody. */
  private static Optional<InetAddress> address(String text) {
    int zone = text.indexOf('%');
    try {
      return Optional.of(InetAddress.ofLiteral(zone < 0 ? text : text.substring(0, zone)));
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  private static String shortened(String address) {
    return address(address)
        .map(a -> a.getHostAddress().replaceFirst("(^|:)(0(:|$)){2,}", "::"))
        .orElse(address);
  }

  private static boolean matches(String pattern, String host) {
    boolean wildcard = pattern.startsWith("*.");
    Optional<String> name = normal(wildcard ? pattern.substring(2) : pattern);
    if (name.isEmpty() || name.get().indexOf('*') >= 0) {
      return false;
    }
    if (!wildcard) {
      return name.get().equals(host);
    }
    int dot = host.indexOf('.');
    // A wildcard is one label, and not for a whole top-level domain.
    return dot > 0 && name.get().indexOf('.') > 0 && host.substring(dot + 1).equals(name.get());
  }

  private static Optional<String> normal(String name) {
    try {
      String ascii = IDN.toASCII(name).toLowerCase(Locale.ROOT);
      String bare = ascii.endsWith(".") ? ascii.substring(0, ascii.length() - 1) : ascii;
      return bare.isEmpty() ? Optional.empty() : Optional.of(bare);
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  private static List<String> alternatives(X509Certificate certificate, int kind) {
    try {
      Collection<List<?>> all = certificate.getSubjectAlternativeNames();
      if (all == null) {
        return List.of();
      }
      return all.stream()
          .filter(n -> n.getFirst().equals(kind) && n.get(1) instanceof String)
          .map(n -> (String) n.get(1))
          .toList();
    } catch (CertificateParsingException _) {
      // Names that cannot be read match nothing, and no common name stands in for them.
      return List.of("");
    }
  }

  private static Optional<String> commonName(X509Certificate certificate) {
    try {
      List<Rdn> parts = new LdapName(certificate.getSubjectX500Principal().getName()).getRdns();
      List<String> names =
          parts.stream()
              .filter(r -> r.getType().equalsIgnoreCase("CN") && r.getValue() instanceof String)
              .map(r -> (String) r.getValue())
              .toList();
      return names.size() == 1 ? Optional.of(names.getFirst()) : Optional.empty();
    } catch (InvalidNameException _) {
      return Optional.empty();
    }
  }
}
