package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;

/** The limit of locked memory, which a registration needs, and what to say about it. */
final class MemoryLimit {
  private MemoryLimit() {}

  /**
   * Refuses what cannot work, before anything is connected.
   *
   * @param lockable what this process may lock, in bytes
   * @param needed in bytes
   * @param why for example {@code the rings of a channel}
   */
  static void require(long lockable, long needed, String why) throws ChannelException {
    if (needed > lockable) {
      throw new ChannelException.Refused(
          "This process may lock "
              + lockable
              + " bytes of memory, and "
              + why
              + " need "
              + needed
              + ": "
              + remedy());
    }
  }

  /** Refuses an end that could not have a single channel. */
  static void requireRings(long lockable, RdmaOptions options) throws ChannelException {
    require(lockable, Rings.bytes(options.slots(), options.slotBytes()), "a channel's rings");
  }

  /** A registration failed for lack of memory that may be locked. */
  static ChannelException exceeded(long bytes, long lockable) {
    String limit =
        lockable == Long.MAX_VALUE
            ? "the kernel could not pin them"
            : "this process may lock " + lockable + " in all: " + remedy();
    return new ChannelException.Refused(bytes + " bytes of memory cannot be registered, " + limit);
  }

  /** What raises it. */
  static String remedy() {
    return "raise the limit by 'ulimit -l unlimited', or LimitMEMLOCK=infinity of a service";
  }
}
