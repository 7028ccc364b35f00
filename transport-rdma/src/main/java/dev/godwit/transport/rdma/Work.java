package dev.godwit.transport.rdma;

/** What a work request was, told by its id even when it failed: its kind and a slot. */
final class Work {
  static final int RECEIVE = 0;
  static final int STREAM = 1;
  static final int CONTROL = 2;
  static final int WRITE = 3;
  static final int PROBE = 4;

  /** A write that completes only if it fails. */
  static final int QUIET_WRITE = 5;

  private Work() {}

  static long of(int kind, int slot) {
    return (long) kind << 32 | slot;
  }

  static int kind(long work) {
    return (int) (work >>> 32);
  }

  /** Whether the peer's device acknowledges it, and this side is told. */
  static boolean isAcknowledged(long work) {
    return kind(work) != RECEIVE && kind(work) != QUIET_WRITE;
  }

  static int slot(long work) {
    return (int) work;
  }
}
