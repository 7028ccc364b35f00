package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Waits for any of several descriptors to be readable or at their end. One thread uses it. */
final class PollSet {
  private static final int ENTRY_BYTES = 8;
  private static final int EVENTS = 4;
  private static final int RESULT = 6;

  private final MemorySegment entries;
  private final CallFrame frame = new CallFrame();
  private int size;

  PollSet(Arena arena, int capacity) {
    entries = arena.allocate((long) capacity * ENTRY_BYTES, 8);
  }

  void clear() {
    size = 0;
  }

  /** Adds a descriptor, or with a negative number one that is never ready; returns its index. */
  int add(int fd) {
    long at = (long) size * ENTRY_BYTES;
    entries.set(JAVA_INT, at, fd);
    entries.set(JAVA_SHORT, at + EVENTS, (short) Libc.POLLIN);
    entries.set(JAVA_SHORT, at + RESULT, (short) 0);
    return size++;
  }

  /** Returns when one is ready, or by the deadline. */
  void await(Deadline deadline) {
    int millis =
        deadline.isBounded() ? (int) Math.min(deadline.remainingMillis(), Integer.MAX_VALUE) : -1;
    int result = Libc.poll(frame.errno(), entries.address(), size, millis);
    if (result < 0 && result != -Errno.EINTR) {
      throw new IllegalStateException("Cannot wait for descriptors: " + Errno.text(-result));
    }
  }

  boolean isReady(int index) {
    return entries.get(JAVA_SHORT, (long) index * ENTRY_BYTES + RESULT) != 0;
  }

  CallFrame frame() {
    return frame;
  }
}
