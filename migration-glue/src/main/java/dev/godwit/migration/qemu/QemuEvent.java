package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpEvent;
import java.time.Instant;
import tools.jackson.databind.JsonNode;

/** Something that a QEMU reports unasked, with the moment by that QEMU's wall clock. */
public sealed interface QemuEvent {

  Instant at();

  /** The migration's state changed; only with the capability {@code events}. */
  record StateChanged(MigrationState state, String stateName, Instant at) implements QemuEvent {}

  /** A pass over the dirty pages begins; source only, only with the capability {@code events}. */
  record PassBegan(long pass, Instant at) implements QemuEvent {}

  /** The guest was paused: at a source, its downtime begins. */
  record Stopped(Instant at) implements QemuEvent {}

  /** The guest runs: at a destination, its downtime ends. */
  record Resumed(Instant at) implements QemuEvent {}

  /**
   * The guest, or QEMU with it, is about to end.
   *
   * @param byGuest whether the guest asked for it
   * @param reason QEMU's word for why, such as {@code guest-shutdown} or {@code host-signal}
   */
  record Shutdown(boolean byGuest, String reason, Instant at) implements QemuEvent {}

  /** Any other event, as QEMU sent it. */
  record Other(String name, JsonNode data, Instant at) implements QemuEvent {}

  static QemuEvent of(QmpEvent event) {
    JsonNode data = event.data();
    return switch (event.name()) {
      case "MIGRATION" -> {
        String name = data.path("status").asString("");
        yield new StateChanged(MigrationState.named(name), name, event.at());
      }
      case "MIGRATION_PASS" -> new PassBegan(data.path("pass").asLong(0), event.at());
      case "STOP" -> new Stopped(event.at());
      case "RESUME" -> new Resumed(event.at());
      case "SHUTDOWN" ->
          new Shutdown(
              data.path("guest").asBoolean(false), data.path("reason").asString(""), event.at());
      default -> new Other(event.name(), data, event.at());
    };
  }
}
