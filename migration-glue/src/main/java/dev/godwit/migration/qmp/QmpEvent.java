package dev.godwit.migration.qmp;

import java.time.Instant;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;

/**
 * Something that QEMU reports unasked.
 *
 * @param name QEMU's name of it, such as {@code STOP}
 * @param data what comes with it; a missing node if nothing does
 * @param at the moment by QEMU's own wall clock; the epoch if it could not read that
 */
public record QmpEvent(String name, JsonNode data, Instant at) {

  static QmpEvent of(JsonNode message) {
    JsonNode timestamp = message.path("timestamp");
    return new QmpEvent(
        message.path("event").asString(""),
        message.path("data"),
        Instant.ofEpochSecond(
            Math.clamp(timestamp.path("seconds").asLong(0), 0, Instant.MAX.getEpochSecond()),
            TimeUnit.MICROSECONDS.toNanos(
                Math.clamp(timestamp.path("microseconds").asLong(0), 0, 999_999))));
  }
}
