package dev.godwit.migration.cli;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Settings.Setting;
import dev.godwit.transport.Transports;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What a command line says of encryption, for all of its URIs. */
final class EncryptionOptions {
  @Option(
      names = "--require-encryption",
      description = "Refuse every URI that would carry guest memory in clear over a network")
  private boolean required;

  @Option(
      names = "--tls-creds",
      paramLabel = "DIR",
      description =
          "Credentials in QEMU's layout, for URIs that use TLS (tls:host:port, or any with ?tls) and name none")
  private Optional<String> credentials = Optional.empty();

  @Option(
      names = "--tls-hostname",
      paramLabel = "NAME",
      description = "The name that a server's certificate must have, if not the host dialled")
  private Optional<String> hostname = Optional.empty();

  @Option(
      names = "--tls-authz",
      paramLabel = "IDENTITY",
      description =
          "A certificate subject or PSK identity that is let in; may repeat (default: all that prove one)")
  private List<String> authz = new ArrayList<>();

  @Option(
      names = "--verify-peer",
      paramLabel = "on|off",
      description = "Whether certificates of the other side are asked for and checked (default on)")
  private Optional<String> verifyPeer = Optional.empty();

  /**
   * Takes the URIs of a command line; nothing is opened yet.
   *
   * @return them with what the options add, in the same order
   * @throws CommandFailure if one of them would carry guest memory in clear and must not, or if
   *     there are options of TLS and no URI to use them
   */
  List<Endpoint> endpoints(Transports transports, String... uris) throws CommandFailure {
    List<Endpoint> given = new ArrayList<>();
    for (String uri : uris) {
      given.add(Endpoint.parse(uri));
    }
    if (required) {
      for (Endpoint endpoint : given) {
        requireProtected(transports, endpoint);
      }
    }
    Schemes.requireUsable(transports, given);
    TlsDefaults defaults = defaults();
    if (!defaults.settings().isEmpty()
        && given.stream().noneMatch(endpoint -> TlsDefaults.usesTls(endpoint, transports))) {
      throw new CommandFailure(
          ExitCode.USAGE,
          "--"
              + defaults.settings().getFirst().key()
              + " has no effect, since no URI here uses TLS, as tls:host:port does");
    }
    return given.stream().map(endpoint -> defaults.appliedTo(endpoint, transports)).toList();
  }

  private TlsDefaults defaults() {
    List<Setting> settings = new ArrayList<>();
    credentials.ifPresent(value -> settings.add(new Setting("tls-creds", value)));
    hostname.ifPresent(value -> settings.add(new Setting("tls-hostname", value)));
    authz.forEach(value -> settings.add(new Setting("tls-authz", value)));
    verifyPeer.ifPresent(value -> settings.add(new Setting("verify-peer", value)));
    return new TlsDefaults(settings);
  }

  private static void requireProtected(Transports transports, Endpoint endpoint)
      throws CommandFailure {
    String layered = endpoint.scheme() + ":" + endpoint.address() + "?tls-creds=DIR";
    boolean places =
        transports.of(endpoint.scheme()).capabilities().placement() != Placement.INLINE;
    switch (transports.protection(endpoint)) {
      case NONE ->
          throw inClear(
              endpoint + " carries",
              "tls:"
                  + endpoint.address()
                  + ", or "
                  + layered
                  + (places ? ", which sends through TLS what it would have placed" : ""));
      case UNKNOWN -> throw inClear(endpoint + " may carry", layered);
      case LOCAL, ENCRYPTED -> {}
    }
  }

  private static CommandFailure inClear(String carries, String wayOut) {
    return new CommandFailure(
        ExitCode.REFUSED_BY_CHECK,
        carries + " guest memory in clear, and encryption is required here: use " + wayOut);
  }
}
