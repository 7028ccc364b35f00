package dev.godwit.channel.session;

import java.time.Duration;

/** What a user wants to be told of a session while it runs. */
public sealed interface SessionEvent {

  /** The last link is gone; everything waits. */
  record Away(String why) implements SessionEvent {}

  /** There is a link again. */
  record Back(Duration after) implements SessionEvent {}

  /** A link is gone while others go on. */
  record RailLost(int rail, String address, String why) implements SessionEvent {}

  /** A link was made, the first or a further one. */
  record RailJoined(int rail, String address) implements SessionEvent {}

  /** A chunk arrived damaged, and is sent again. */
  record Damaged(int rail, String address) implements SessionEvent {}
}
