package dev.godwit.migration.cli;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Settings.Setting;
import dev.godwit.transport.Transports;
import java.util.List;

/**
 * Settings of TLS that a command line gives once. They are for each of its URIs that uses TLS; what
 * such a URI says itself stands, key by key.
 *
 * @param settings in the words of a URI, such as {@code tls-creds}; a key may repeat
 */
record TlsDefaults(List<Setting> settings) {
  /** Both the scheme and the layer. */
  private static final String TLS = "tls";

  TlsDefaults {
    settings = List.copyOf(settings);
  }

  /** The endpoint with what it does not say itself; as it is if it uses no TLS. */
  Endpoint appliedTo(Endpoint endpoint, Transports transports) {
    if (!usesTls(endpoint, transports)) {
      return endpoint;
    }
    Settings own = endpoint.settings();
    Settings all = own;
    for (Setting setting : settings) {
      if (own.values(setting.key()).isEmpty()) {
        all = all.with(setting.key(), setting.value());
      }
    }
    return endpoint.with(all);
  }

  /** Whether it is of the scheme, or names the layer. */
  static boolean usesTls(Endpoint endpoint, Transports transports) {
    return endpoint.scheme().equals(TLS) || transports.names(endpoint, TLS);
  }
}
