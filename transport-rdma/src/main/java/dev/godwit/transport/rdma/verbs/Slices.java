package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Waits for one descriptor in pieces so short that whoever destroys it meanwhile does not wait
 * long. For the calls of DiSNI's that wait; {@link Wait} is woken instead.
 */
final class Slices {
  private static final long SLICE_NANOS = 50_000_000;

  private Slices() {}

  /** Returns when it is readable, at the deadline, or after a slice. */
  static void await(int fd, Deadline deadline) throws ChannelException.Native {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES);
      MemorySegment entry = arena.allocate(Layouts.PollFd.BYTES, Long.BYTES);
      MemorySegment timespec = arena.allocate(JAVA_LONG, 2);
      entry.set(JAVA_INT, Layouts.PollFd.FD, fd);
      entry.set(JAVA_SHORT, Layouts.PollFd.EVENTS, Libc.POLLIN);
      timespec.set(JAVA_LONG, Long.BYTES, Math.min(deadline.remainingNanos(), SLICE_NANOS));
      int result = Libc.ppoll(errno, entry.address(), 1, timespec.address());
      if (result < 0 && result != -Libc.EINTR) {
        throw Libc.failure("Cannot wait for a descriptor", "ppoll", -result);
      }
    }
  }
}
