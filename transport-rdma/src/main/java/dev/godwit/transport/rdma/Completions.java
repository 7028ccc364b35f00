package dev.godwit.transport.rdma;

/** What a poll found; reused by the next. */
final class Completions {
  static final int CAPACITY = 32;

  /** The verbs' numbers of a status. */
  static final int SUCCESS = 0;

  static final int LOCAL_LENGTH_ERROR = 1;
  static final int LOCAL_OPERATION_ERROR = 2;
  static final int FLUSHED = 5;
  static final int REMOTE_INVALID_REQUEST = 9;
  static final int REMOTE_ACCESS_ERROR = 10;
  static final int REMOTE_OPERATION_ERROR = 11;
  static final int RETRY_EXCEEDED = 12;
  static final int RECEIVER_NOT_READY = 13;

  final long[] work = new long[CAPACITY];
  final int[] status = new int[CAPACITY];

  /** How long what arrived is, in bytes. */
  final int[] bytes = new int[CAPACITY];
}
