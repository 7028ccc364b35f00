package dev.godwit.channel.session;

/** Is told what happens to a session; by its threads, one at a time, and does not block them. */
@FunctionalInterface
public interface SessionWatcher {
  void on(SessionEvent event);

  /** Nobody wants to know. */
  static SessionWatcher none() {
    return event -> {};
  }
}
