package dev.godwit.migration.drive;

import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuVersion;
import dev.godwit.migration.qemu.Side;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What became of one side of a migration.
 *
 * @param side which side was driven
 * @param qemu its version
 * @param outcome by that QEMU and by what was carried
 * @param sentence what happened, on which side, and where the VM is
 * @param failure what broke first on the way, if that is what failed
 * @param elapsed from the first command to the end
 * @param status the last that this QEMU said of the migration
 * @param wire what was carried, by our own count; absent if nothing came to be carried
 * @param stopped when this QEMU paused the guest, by its host's clock
 * @param resumed when this QEMU let the guest run, by its host's clock
 * @param notes what the user should know besides
 */
public record DriveReport(
    Side side,
    QemuVersion qemu,
    Outcome outcome,
    String sentence,
    Optional<Throwable> failure,
    Duration elapsed,
    Optional<MigrationStatus> status,
    Optional<MigrationReport> wire,
    Optional<Instant> stopped,
    Optional<Instant> resumed,
    List<String> notes) {

  /** How it ended. */
  public enum Outcome {
    /** The guest is at the destination. */
    COMPLETED,
    /** The guest is at the source. */
    FAILED,
    /** The guest is at the source because somebody here wanted so. */
    CANCELLED,
    /** Look at both sides. */
    UNKNOWN
  }
}
