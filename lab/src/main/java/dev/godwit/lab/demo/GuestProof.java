package dev.godwit.lab.demo;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.Verification;
import dev.godwit.migration.guest.GuestException;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What a guest says of itself once it has run on at the destination.
 *
 * @param isSound whether all its memory and devices are as they must be
 * @param records it has looked at
 * @param sentence what it found
 * @param blackoutSeconds without time, as the guest noticed by the wall clock
 */
record GuestProof(boolean isSound, long records, String sentence, double blackoutSeconds) {
  /** A damaged guest may do anything, so it does not have to write much. */
  private static final long ENOUGH_WRITES = 1_000;

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  /** Lets a guest that has just arrived run for a moment, stops it, and looks at all of it. */
  static GuestProof of(LabGuest guest) throws GuestException {
    long arrivedWith = guest.writes();
    long since = System.nanoTime();
    while (guest.writes() - arrivedWith < ENOUGH_WRITES
        && System.nanoTime() - since < PATIENCE_NANOS) {
      LockSupport.parkNanos(LOOK_NANOS);
    }
    boolean ran = guest.isRunning() && guest.writes() > arrivedWith;
    guest.pause();
    Verification found = guest.verify();
    return new GuestProof(
        ran && found.isSound(),
        found.recordsChecked(),
        ran ? found.toString() : "The guest does not run",
        guest.clock().lastGap().toNanos() / 1e9);
  }

  Map<String, Object> members() {
    return Map.of(
        "verified", isSound,
        "records-checked", records,
        "message", sentence,
        "blackout-seconds", blackoutSeconds);
  }

  static GuestProof of(JsonNode members) {
    return new GuestProof(
        members.path("verified").asBoolean(false),
        members.path("records-checked").asLong(0),
        members.path("message").asString(""),
        members.path("blackout-seconds").asDouble(0));
  }
}
