package dev.godwit.transport;

/** Whether this host can serve a scheme, and if not, why not and what would help. */
public sealed interface Availability {

  /** Usable now. */
  record Available() implements Availability {}

  /**
   * Not usable on this host.
   *
   * @param cause one sentence that names what is missing and how to get it
   */
  record Unavailable(String cause) implements Availability {}

  static Availability available() {
    return new Available();
  }

  static Availability unavailable(String cause) {
    return new Unavailable(cause);
  }
}
