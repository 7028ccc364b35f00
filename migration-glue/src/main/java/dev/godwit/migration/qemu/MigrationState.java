package dev.godwit.migration.qemu;

import java.util.Arrays;

/**
 * Where a migration stands, by one of its two QEMUs.
 *
 * <pre>
 * source, precopy:   NONE → SETUP → [WAIT_UNPLUG] → ACTIVE → [PRE_SWITCHOVER] → [DEVICE] → COMPLETED
 * source, postcopy:  … ACTIVE → [DEVICE] → POSTCOPY_ACTIVE
 *                      → [POSTCOPY_PAUSED → [POSTCOPY_RECOVER_SETUP] → POSTCOPY_RECOVER → POSTCOPY_ACTIVE]*
 *                      → COMPLETED
 * before postcopy:   any → CANCELLING → CANCELLED, or any → FAILED
 * destination:       NONE → [SETUP] → ACTIVE → [POSTCOPY_ACTIVE → …] → COMPLETED or FAILED
 * </pre>
 *
 * QEMU 10.0 always passes through DEVICE, 7.2 only after PRE_SWITCHOVER.
 */
public enum MigrationState {
  /** There has been no migration, or nothing is known of one yet. */
  NONE("none"),
  /** The source connects and sends what comes before memory; a destination listens. */
  SETUP("setup"),
  /** The source waits for the guest to give up a device that cannot move. */
  WAIT_UNPLUG("wait-unplug"),
  /** Memory moves while the guest runs at the source. */
  ACTIVE("active"),
  /** The guest is paused at the source and waits for a command to go on. */
  PRE_SWITCHOVER("pre-switchover"),
  /** The guest is paused while the state of its devices moves. */
  DEVICE("device"),
  /** The guest runs at the destination and its memory follows. */
  POSTCOPY_ACTIVE("postcopy-active"),
  /** The connection broke in postcopy; the guest is split over both sides until it is recovered. */
  POSTCOPY_PAUSED("postcopy-paused"),
  /** A new connection for postcopy is being made. */
  POSTCOPY_RECOVER_SETUP("postcopy-recover-setup"),
  /** Both sides agree on what is still missing. */
  POSTCOPY_RECOVER("postcopy-recover"),
  /** The source takes back what it began. */
  CANCELLING("cancelling"),
  /** The guest stays at the source because somebody wanted so. */
  CANCELLED("cancelled"),
  /** The guest stays at the source because something went wrong. */
  FAILED("failed"),
  /**
   * The source has sent everything; with a return path, the destination has said that it has it.
   */
  COMPLETED("completed"),
  /** The destination is kept in step for ever. */
  COLO("colo"),
  /** A state that is newer than this table. */
  UNKNOWN("");

  private final String qemuName;

  MigrationState(String qemuName) {
    this.qemuName = qemuName;
  }

  static MigrationState named(String qemuName) {
    return Arrays.stream(values())
        .filter(state -> state.qemuName.equals(qemuName) && state != UNKNOWN)
        .findFirst()
        .orElse(UNKNOWN);
  }

  /** QEMU's name for it; empty for {@link #UNKNOWN}. */
  public String qemuName() {
    return qemuName;
  }

  /** Nothing more happens by itself: completed, failed or cancelled. */
  public boolean isFinal() {
    return this == COMPLETED || this == FAILED || this == CANCELLED;
  }

  /**
   * From here on the guest is no longer whole at the source: cancelling, or losing one of the two
   * QEMUs, loses it.
   */
  public boolean isPostcopy() {
    return switch (this) {
      case POSTCOPY_ACTIVE, POSTCOPY_PAUSED, POSTCOPY_RECOVER_SETUP, POSTCOPY_RECOVER -> true;
      default -> false;
    };
  }

  /** A migration is under way, so settings cannot be changed and none other can start. */
  public boolean isUnderWay() {
    return this != NONE && !isFinal();
  }
}
