package dev.godwit.migration.engine;

/**
 * Where a source is. All transitions are made by {@link SourceMigration}'s {@code advance}.
 *
 * <pre>
 *   NONE ──► SETUP ──► ACTIVE ──► DEVICE ──► GIVEN_UP ──► COMPLETED
 *     │        │          │          │           ├──────► UNDECIDED
 *     │        │          │          │           └──────► FAILED, if a QEMU says it has no guest
 *     └────────┴──────────┴──────────┴──► FAILED, CANCELLED
 * </pre>
 */
public enum SourceState {
  /** Nothing was begun. */
  NONE("The migration has not begun"),
  SETUP("Channels are connected and the destination's memory is made ready"),
  ACTIVE("The guest runs here while its memory is sent"),
  DEVICE("The guest is paused here, and the last of its memory and its devices are sent"),
  /** From here on the guest never runs here again, unless a QEMU says that it does not have it. */
  GIVEN_UP("The guest was given up here, and the destination may start it"),
  COMPLETED("The destination has the guest"),
  FAILED("The migration failed, and the guest is here as it was"),
  CANCELLED("The migration was cancelled, and the guest is here as it was"),
  UNDECIDED(
      "The guest was given up here, and the destination has not said that it runs: it is paused"
          + " here, and may run at the destination");

  private final String sentence;

  SourceState(String sentence) {
    this.sentence = sentence;
  }

  /** What that means, in one sentence without a full stop. */
  public String sentence() {
    return sentence;
  }

  /** Whether the migration has ended, one way or the other. */
  public boolean isOver() {
    return switch (this) {
      case NONE, SETUP, ACTIVE, DEVICE, GIVEN_UP -> false;
      case COMPLETED, FAILED, CANCELLED, UNDECIDED -> true;
    };
  }

  /** Whether the guest has been given up, so that it never runs here again. */
  public boolean hasGivenUp() {
    return this == GIVEN_UP || this == COMPLETED || this == UNDECIDED;
  }

  /** Whether {@code next} may follow. */
  boolean leadsTo(SourceState next) {
    return switch (next) {
      case NONE -> false;
      case SETUP -> this == NONE;
      case ACTIVE -> this == SETUP;
      case DEVICE -> this == ACTIVE;
      case GIVEN_UP -> this == DEVICE;
      case COMPLETED, UNDECIDED -> this == GIVEN_UP;
      case FAILED -> !isOver();
      case CANCELLED -> !isOver() && !hasGivenUp();
    };
  }
}
