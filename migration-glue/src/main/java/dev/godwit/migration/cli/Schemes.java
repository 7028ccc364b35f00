package dev.godwit.migration.cli;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.util.List;

/** Whether this host can serve what the user named. */
final class Schemes {
  private Schemes() {}

  /** Refuses unknown schemes, unknown settings, and schemes that this host cannot serve. */
  static void requireUsable(Transports transports, List<Endpoint> endpoints) throws CommandFailure {
    for (Endpoint endpoint : endpoints) {
      if (transports.of(endpoint.scheme()).availability() instanceof Availability.Unavailable why) {
        throw new CommandFailure(
            ExitCode.UNAVAILABLE, endpoint.scheme() + ": is not available here: " + why.cause());
      }
    }
  }
}
