package dev.godwit.channel.session.wire;

import java.util.Optional;

/** What a frame is, by its first byte (docs/sessions.md, "Frames"). */
public enum FrameType {
  /** The dialling side's first frame on a link. */
  HELLO(1),
  /** The accepting side's answer, with its proof. */
  WELCOME(2),
  /** The dialling side's proof. */
  PROOF(3),
  /** Says why there will be no link; the last frame on it. */
  REFUSAL(4),
  /** What a side has of each stream; the first frame behind the proofs, and only there. */
  STATE(5),
  /** Bytes of a stream. */
  CHUNK(6),
  /** How far a stream has arrived, and how far it was taken. */
  ACK(7),
  /** A chunk arrived damaged and is wanted again. */
  AGAIN(8),
  /** A sign of life with the sender's clock, and how many bytes have arrived on this link. */
  BEAT(9),
  /** Gives a beat's clock back. */
  ECHO(10),
  /** How many bytes have arrived on this link. */
  RECEIPT(11),
  /** The session was given up, and why; the last frame of all. */
  GONE(12);

  private static final FrameType[] BY_CODE = new FrameType[13];

  static {
    for (FrameType type : values()) {
      BY_CODE[type.code] = type;
    }
  }

  private final int code;

  FrameType(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }

  /** The type with that code; empty if there is none. */
  public static Optional<FrameType> of(int code) {
    return code > 0 && code < BY_CODE.length ? Optional.of(BY_CODE[code]) : Optional.empty();
  }
}
