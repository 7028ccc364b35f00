package dev.godwit.lab.demo;

import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.transport.RegistrationStats;

/** How one migration of the demo ended. */
sealed interface LegOutcome {

  /**
   * The guest runs at the destination.
   *
   * @param passes over memory
   * @param registered what the source has registered of it
   */
  record Moved(
      MigrationStatistics statistics, long passes, RegistrationStats registered, GuestProof proof)
      implements LegOutcome {}

  /** It does not, or not as it should; why, as a sentence. */
  record Failed(String sentence) implements LegOutcome {}

  /** This host or the demo cannot go that way; why, as a sentence. */
  record NotHere(String reason) implements LegOutcome {}

  /** Whether it is as a demo should end. */
  default boolean isFine() {
    return switch (this) {
      case Moved moved -> moved.proof.isSound();
      case Failed failed -> false;
      case NotHere notHere -> true;
    };
  }
}
