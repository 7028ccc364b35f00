package dev.godwit.transport.rdma.qemu;

import org.jspecify.annotations.Nullable;

/** What a control message is (qemu-rdma-wire.md §4). */
public enum MessageType {
  /** The sender gives up. Needs no credit, and is not answered. */
  ERROR(1),
  /** The receiver may send one message. */
  READY(2),
  /** Bytes of the migration stream. */
  FILE(3),
  /** The source wants to know the destination's blocks. */
  BLOCKS_REQUEST(4),
  /** The destination's blocks. */
  BLOCKS(5),
  /** A range is to be filled with one byte. */
  COMPRESS(6),
  /** The source needs the key of a chunk. */
  REGISTER(7),
  /** The key of a chunk. */
  REGISTERED(8),
  /** The round is over: all that was written in it has landed. */
  FINISHED(9),
  /** The source needs a key no more; no QEMU has sent it yet. */
  UNREGISTER(10),
  /** The chunk is registered no more. */
  UNREGISTERED(11);

  private static final MessageType[] ALL = values();

  private final int code;

  MessageType(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }

  /** The type with this code, or null. */
  static @Nullable MessageType of(int code) {
    return code >= 1 && code <= ALL.length ? ALL[code - 1] : null;
  }
}
