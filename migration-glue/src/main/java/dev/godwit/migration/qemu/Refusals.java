package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Says in a user's terms what QEMU's most common refusals mean. The texts are those of 7.2 and
 * 10.0; a refusal that is not among them keeps QEMU's words.
 */
final class Refusals {
  private static final Map<String, String> MEANINGS =
      Map.of(
          "'-incoming' was not specified on the command line",
          "was not started with -incoming defer, so it cannot receive a migration",
          "The incoming migration has already been started",
          "waits for a migration already, where it was told to earlier or by its -incoming option",
          "Illegal migration incoming state",
          "has failed to listen before and QEMU lets nobody try twice, so it has to be started anew",
          "Guest is waiting for an incoming migration",
          "is itself waiting for a migration, so it has nothing to send",
          "Can't migrate the vm that was paused due to previous migration",
          "has migrated away before; its guest lives on at the destination of that migration",
          "There's a migration process in progress",
          "is migrating already");

  private Refusals() {}

  static QmpException.Refused explained(QmpException.Refused refused, Path qemu) {
    Optional<String> meaning =
        MEANINGS.entrySet().stream()
            .filter(entry -> refused.description().startsWith(entry.getKey()))
            .map(Map.Entry::getValue)
            .findFirst();
    if (meaning.isEmpty()) {
      return refused;
    }
    return new QmpException.Refused(
        "The QEMU at %s %s".formatted(qemu, meaning.get()),
        refused.command(),
        refused.errorClass(),
        refused.description());
  }
}
