package dev.godwit.transport.rdma;

/** What a work request was, told by its id even when it failed: its kind and a slot. */
final class Work {
  static final int RECEIVE = 0;
  static final int STREAM = 1;
  static final int CONTROL = 2;
  static final int WRITE = 3;
  static final int PROBE = 4;

  private Work() {}

  static long of(int kind, int slot) {
    return (long) kind << 32 | slot;
  }

  static int kind(long work) {
    return (int) (work >>> 32);
  }

  static int slot(long work) {
    return (int) work;
  }
}
