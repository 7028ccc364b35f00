package dev.godwit.transport.rdma.wire;

import org.jspecify.annotations.Nullable;

/** What a frame is. */
public enum FrameType {
  /** Items of the stream: written bytes, and records of puts. */
  STREAM(1, Credit.STREAM),
  /** Nothing but credits. */
  CREDIT(2, Credit.NONE),
  /** The sender stands at its barrier. */
  BARRIER(3, Credit.CONTROL),
  /** The sender reached its own barrier and has taken all that came before the receiver's. */
  BARRIER_MET(4, Credit.CONTROL),
  /** The sender's output has ended. */
  END(5, Credit.NONE),
  /** The sender gives up, and why. */
  ABORT(6, Credit.NONE),
  /** A region of the sender that can be put into. */
  ADVERTISE(7, Credit.CONTROL),
  /** The sender needs the key of a part of the receiver's region. */
  KEY_REQUEST(8, Credit.CONTROL),
  /** The key of a part of the sender's region. */
  KEYS(9, Credit.CONTROL),
  /** The sender needs a key no more. */
  RELEASE(10, Credit.CONTROL),
  /** What was released is registered no more. */
  RELEASED(11, Credit.CONTROL),
  /** A region of the sender is closed. */
  FORGET(12, Credit.CONTROL);

  /** Which credit a frame takes. */
  public enum Credit {
    /** One of those that the receiver gives back as the stream is read. */
    STREAM,
    /** One of those that the receiver gives back at once. */
    CONTROL,
    /** None: there is room for all that can be under way, see {@link Frame#RESERVE}. */
    NONE
  }

  private static final @Nullable FrameType[] BY_CODE = byCode();

  private final int code;
  private final Credit credit;

  FrameType(int code, Credit credit) {
    this.code = code;
    this.credit = credit;
  }

  public int code() {
    return code;
  }

  public Credit credit() {
    return credit;
  }

  /** The type with this code, or null. */
  static @Nullable FrameType of(int code) {
    return code < BY_CODE.length ? BY_CODE[code] : null;
  }

  private static @Nullable FrameType[] byCode() {
    FrameType[] all = values();
    @Nullable FrameType[] types = new FrameType[all[all.length - 1].code + 1];
    for (FrameType type : all) {
      types[type.code] = type;
    }
    return types;
  }
}
