package dev.godwit.migration.engine;

/**
 * Where a destination is. All transitions are made by {@link DestinationMigration}'s {@code
 * advance}.
 *
 * <pre>
 *   NONE ──► SETUP ──► ACTIVE ──► LOADED ──► STARTING ──► COMPLETED
 *     │        │          │          │           └──────► DEAD
 *     └────────┴──────────┴──────────┴──► FAILED, CANCELLED
 * </pre>
 */
public enum DestinationState {
  /** Nothing was begun. */
  NONE("The migration has not begun"),
  SETUP("A source is waited for"),
  ACTIVE("The guest is coming in"),
  LOADED("All of the guest is here, and the source is asked to give it up"),
  /** The source never runs it again. */
  STARTING("The source has given the guest up, and it is started here"),
  COMPLETED("The guest is here, and no longer the source's"),
  FAILED("The migration failed, and the guest is the source's"),
  CANCELLED("The migration was cancelled, and the guest is the source's"),
  /** A guest that throws where it is to run. */
  DEAD("The source has given the guest up, and it could not be started here: it runs nowhere");

  private final String sentence;

  DestinationState(String sentence) {
    this.sentence = sentence;
  }

  /** What that means, in one sentence without a full stop. */
  public String sentence() {
    return sentence;
  }

  /** Whether the migration has ended, one way or the other. */
  public boolean isOver() {
    return switch (this) {
      case NONE, SETUP, ACTIVE, LOADED, STARTING -> false;
      case COMPLETED, FAILED, CANCELLED, DEAD -> true;
    };
  }

  /** Whether {@code next} may follow. */
  boolean leadsTo(DestinationState next) {
    return switch (next) {
      case NONE -> false;
      case SETUP -> this == NONE;
      case ACTIVE -> this == SETUP;
      case LOADED -> this == ACTIVE;
      case STARTING -> this == LOADED;
      case COMPLETED, DEAD -> this == STARTING;
      case FAILED, CANCELLED -> !isOver() && this != STARTING;
    };
  }
}
