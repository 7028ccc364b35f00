package dev.godwit.channel.session;

import java.util.Optional;

/** Whom a listener serves. */
@FunctionalInterface
public interface Admission {
  /**
   * Why a session of that name is not taken, as a sentence for the other side; empty if it is.
   *
   * @param name what the dialling side calls its guest; empty if it gave none
   */
  Optional<String> refusal(String name);

  /** Takes every session. */
  static Admission all() {
    return name -> Optional.empty();
  }
}
