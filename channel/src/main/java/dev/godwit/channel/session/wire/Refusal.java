package dev.godwit.channel.session.wire;

/** Why a link is refused; the code stands in the frame's value (docs/sessions.md, "Hello"). */
public enum Refusal {
  /** The frame before made no sense, or came at the wrong time. */
  VIOLATION(1),
  /** There is no common version of the protocol. */
  VERSION(2),
  /** No session has that locator: the other process is not the one that had it. */
  UNKNOWN(3),
  /** The session has ended in order. */
  ENDED(4),
  /** The session was given up. */
  GONE(5),
  /** The proof does not hold, or the credentials are not those of the session's first link. */
  PROOF(6),
  /** The name is not served here. */
  NAME(7),
  /** No more sessions, or no more links of this session, are taken. */
  FULL(8);

  private final int code;

  Refusal(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }

  /** The refusal with that code; a code of a later version is a violation to this one. */
  public static Refusal of(long code) {
    for (Refusal refusal : values()) {
      if (refusal.code == code) {
        return refusal;
      }
    }
    return VIOLATION;
  }
}
