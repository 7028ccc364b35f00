package dev.godwit.migration.qmp;

import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/**
 * What the server said of itself when the connection was made.
 *
 * @param major first part of the version
 * @param minor second part of the version
 * @param micro third part of the version
 * @param packageName the distributor's version, or an empty text
 * @param capabilities the QMP capabilities on offer, such as {@code oob}
 */
public record QmpGreeting(
    int major, int minor, int micro, String packageName, Set<String> capabilities) {

  public QmpGreeting {
    capabilities = Set.copyOf(capabilities);
  }

  /** Whether commands can be run past QEMU's main loop. */
  public boolean offersOutOfBand() {
    return capabilities.contains("oob");
  }

  static QmpGreeting of(JsonNode greeting) {
    JsonNode version = greeting.path("version");
    JsonNode qemu = version.path("qemu");
    return new QmpGreeting(
        qemu.path("major").asInt(0),
        qemu.path("minor").asInt(0),
        qemu.path("micro").asInt(0),
        version.path("package").asString("").strip(),
        greeting
            .path("capabilities")
            .valueStream()
            .map(name -> name.asString(""))
            .collect(Collectors.toSet()));
  }
}
