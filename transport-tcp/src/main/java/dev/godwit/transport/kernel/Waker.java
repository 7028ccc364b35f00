package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Ends waits that no shutdown can reach: an event descriptor that is polled beside the one that is
 * waited for. Once woken, it stays so. Safe for use by many threads.
 */
public final class Waker implements AutoCloseable {
  /** How a wait ended. */
  public enum Outcome {
    READY,
    TIMED_OUT,
    WOKEN
  }

  private final Descriptor event;

  private Waker(Descriptor event) {
    this.event = event;
  }

  public static Waker open() throws ChannelException {
    int fd =
        Errno.check(
            Libc.eventfd(Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK),
            "Cannot make an event descriptor",
            "eventfd");
    return new Waker(Descriptor.file(fd));
  }

  /** Ends each wait that runs now or begins later; never blocks. */
  public void wake() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocateFrom(JAVA_LONG, 1L);
      event.write(new CallFrame(), one.address(), JAVA_LONG.byteSize());
    }
  }

  /**
   * Waits until {@code fd} is ready for {@code events}. On a virtual thread the wait is left to a
   * platform thread, since it would hold the carrier.
   *
   * @param fd the caller keeps it open meanwhile; -1 to wait for the deadline or the waker alone
   */
  public Outcome await(int fd, int events, Deadline deadline) throws ChannelException {
    int result = Carriers.keepFree(() -> await(new CallFrame(), fd, events, deadline));
    return switch (result) {
      case 0 -> Outcome.TIMED_OUT;
      case 1 -> Outcome.READY;
      case 2 -> Outcome.WOKEN;
      default -> throw Errno.failure("Cannot wait for a descriptor", "poll", -result);
    };
  }

  /** Waits until {@code other} is woken, which makes it {@link Outcome#READY}. */
  public Outcome await(Waker other, Deadline deadline) throws ChannelException {
    if (!other.event.enterToRead()) {
      return Outcome.READY;
    }
    try {
      return await(other.event.number(), Libc.POLLIN, deadline);
    } finally {
      other.event.leaveFromRead();
    }
  }

  /** Readable once woken; only for whoever closes this waker. */
  int number() {
    return event.number();
  }

  /** As {@link CallFrame#poll}; 2 also once this waker is closed. */
  int await(CallFrame frame, int fd, int events, Deadline deadline) {
    if (!event.enterToRead()) {
      return 2;
    }
    try {
      return frame.poll(fd, events, event.number(), deadline);
    } finally {
      event.leaveFromRead();
    }
  }

  /** Wakes, and releases the descriptor once nobody waits any more; idempotent. */
  @Override
  public void close() {
    wake();
    event.close(Descriptor.Manner.IN_ORDER);
  }
}
