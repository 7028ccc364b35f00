package dev.godwit.transport.tls;

import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Settings;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.CredentialsDirectory;
import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import dev.godwit.transport.tls.credentials.CredentialsException;
import dev.godwit.transport.tls.credentials.CredentialsType;
import dev.godwit.transport.tls.engine.TlsEngines;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What a URI says about TLS, in QEMU's words (qemu-wire.md §7).
 *
 * @param type of the credentials, empty if what is in the directory decides
 * @param directory empty for anonymous peers only
 * @param hostname what the server's certificate must be for, instead of the name dialled
 * @param authz who is let in: subjects or identities; empty for everybody whose credentials are
 *     good
 * @param verifyPeer whether certificates of the other side are asked for and checked
 * @param username the identity of a pre-shared key that a client takes
 * @param passwordFile of an encrypted key
 * @param engine another than the usual one
 */
record TlsOptions(
    Optional<CredentialsType> type,
    Optional<Path> directory,
    Optional<String> hostname,
    List<String> authz,
    boolean verifyPeer,
    String username,
    Optional<Path> passwordFile,
    Optional<TlsEngines.Kind> engine) {
  /** The setting that names the layer. */
  static final String KEY = "tls";

  static final String GRAMMAR = "x509, psk or anon; nothing to let the directory decide";

  /** The further settings, each with what it means. */
  static final Map<String, String> SETTINGS =
      Map.of(
          "tls-creds", "directory of ca-cert.pem, server-*.pem, client-*.pem, or of keys.psk",
          "tls-hostname", "the name the server's certificate must have, if not the host dialled",
          "tls-authz",
              "a subject or PSK identity that is let in; may repeat (default: all that prove one)",
          "verify-peer", "off: take any certificate, or none (default on)",
          "tls-username", "the PSK identity of this side, when dialling (default qemu)",
          "tls-password-file", "file with the password of an encrypted key",
          "tls-engine", "boringssl, jsse or bouncy-castle, for comparing (default: the fastest)");

  /** QEMU's own default. */
  private static final String USERNAME = "qemu";

  /**
   * @param value of the key itself
   */
  static TlsOptions of(String value, Settings settings) {
    Optional<CredentialsType> type = value.isEmpty() ? Optional.empty() : Optional.of(type(value));
    Optional<Path> directory = settings.text("tls-creds").map(TlsOptions::path);
    if (directory.isEmpty() && type.filter(CredentialsType.ANON::equals).isEmpty()) {
      throw new EndpointException(
          "TLS needs credentials, as in tls-creds=/etc/pki/qemu"
              + " ('godwit tls init' makes a directory of them)");
    }
    return new TlsOptions(
        type,
        directory,
        settings.text("tls-hostname"),
        settings.values("tls-authz"),
        settings.flag("verify-peer", true),
        settings.text("tls-username").orElse(USERNAME),
        settings.text("tls-password-file").map(TlsOptions::path),
        settings.text("tls-engine").map(TlsOptions::engine));
  }

  private static CredentialsType type(String value) {
    return switch (value) {
      case "x509" -> CredentialsType.X509;
      case "psk" -> CredentialsType.PSK;
      case "anon" -> CredentialsType.ANON;
      default ->
          throw new EndpointException("Setting tls must be " + GRAMMAR + ", not '" + value + "'");
    };
  }

  private static Path path(String value) {
    if (value.isEmpty()) {
      throw new EndpointException("Setting tls-creds must name a directory, as in /etc/pki/qemu");
    }
    return Path.of(value);
  }

  private static TlsEngines.Kind engine(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "boringssl" -> TlsEngines.Kind.BORINGSSL;
      case "jsse" -> TlsEngines.Kind.JSSE;
      case "bouncy-castle" -> TlsEngines.Kind.BOUNCY_CASTLE;
      default ->
          throw new EndpointException(
              "Setting tls-engine must be boringssl, jsse or bouncy-castle, not '" + value + "'");
    };
  }

  /** Reads this side's credentials anew; the caller closes them. */
  Credentials read(Side side) throws CredentialsException {
    if (directory.isEmpty()) {
      return new AnonCredentials();
    }
    CredentialsDirectory files = new CredentialsDirectory(directory.get());
    CredentialsType known = type.isPresent() ? type.get() : files.type();
    return switch (known) {
      case X509 -> files.x509(side, passwordFile, verifyPeer);
      case PSK -> files.psk(side, username);
      case ANON -> new AnonCredentials();
    };
  }
}
