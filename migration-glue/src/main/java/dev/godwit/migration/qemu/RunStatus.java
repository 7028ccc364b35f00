package dev.godwit.migration.qemu;

import java.util.Arrays;

/**
 * What a guest does, by {@code query-status}.
 *
 * @param state what it does
 * @param stateName QEMU's own word for that
 * @param running whether its vCPUs run
 */
public record RunStatus(State state, String stateName, boolean running) {

  /** What a guest can be doing, as far as it matters to a migration. */
  public enum State {
    /** It runs. */
    RUNNING("running"),
    /** Somebody paused it. */
    PAUSED("paused"),
    /** It was created paused and has never run. */
    PRELAUNCH("prelaunch"),
    /** It waits for, or is in, an incoming migration. */
    INMIGRATE("inmigrate"),
    /** It is paused for the last part of an outgoing migration. */
    FINISH_MIGRATE("finish-migrate"),
    /** It has migrated away: it lives elsewhere, and running it here too would destroy it. */
    POSTMIGRATE("postmigrate"),
    /** It has powered down. */
    SHUTDOWN("shutdown"),
    /** It sleeps. */
    SUSPENDED("suspended"),
    /** It is stopped because a disk failed. */
    IO_ERROR("io-error"),
    /** It is stopped because QEMU failed it. */
    INTERNAL_ERROR("internal-error"),
    /** It is stopped because its kernel panicked. */
    GUEST_PANICKED("guest-panicked"),
    /** Anything else; the name tells. */
    OTHER("");

    private final String qemuName;

    State(String qemuName) {
      this.qemuName = qemuName;
    }

    static State named(String qemuName) {
      return Arrays.stream(values())
          .filter(state -> state.qemuName.equals(qemuName))
          .findFirst()
          .orElse(OTHER);
    }
  }

  static RunStatus of(String stateName, boolean running) {
    return new RunStatus(State.named(stateName), stateName, running);
  }
}
