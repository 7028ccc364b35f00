package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * The native memory that the calls of one thread at a time need, so that none allocates: errno, two
 * poll entries, and made when first needed, an I/O vector and a stage for bytes of the Java heap.
 */
final class CallFrame {
  /** The kernel's IOV_MAX. */
  static final int MAX_VECTORS = 1024;

  /** Large enough that a call's cost vanishes beside its copy, small enough for 256 channels. */
  static final int STAGE_BYTES = 128 * 1024;

  private static final long POLL_BYTES = 8;
  private static final long VECTOR_BYTES = 16;
  private static final long HEADER_BYTES = 56;

  private final MemorySegment polls = Arena.ofAuto().allocate(2 * POLL_BYTES + 8, 8);
  private final MemorySegment errno = polls.asSlice(2 * POLL_BYTES, Libc.ERRNO_BYTES);
  private MemorySegment vectors = MemorySegment.NULL;
  private MemorySegment header = MemorySegment.NULL;
  private ByteBuffer stage = ByteBuffer.allocate(0);
  private long stageAddress;

  MemorySegment errno() {
    return errno;
  }

  /**
   * Waits until one of two descriptors is ready; a negative one is left out.
   *
   * @return 0 if neither was by the deadline, 1 if the first one is, 2 if the second one is or both
   *     are, or a negated error number
   */
  int poll(int first, int events, int second, Deadline deadline) {
    while (true) {
      setPoll(0, first, events);
      setPoll(POLL_BYTES, second, Libc.POLLIN);
      int millis = (int) Math.min(deadline.remainingMillis(), Integer.MAX_VALUE);
      int ready = Libc.poll(errno, polls.address(), 2, deadline.isBounded() ? millis : -1);
      if (ready > 0) {
        return polls.get(JAVA_SHORT, POLL_BYTES + 6) != 0 ? 2 : 1;
      }
      if (ready < 0 && ready != -Errno.EINTR) {
        return ready;
      }
      if (deadline.hasPassed()) {
        return 0;
      }
    }
  }

  private void setPoll(long at, int fd, int events) {
    polls.set(JAVA_INT, at, fd);
    polls.set(JAVA_SHORT, at + 4, (short) events);
    polls.set(JAVA_SHORT, at + 6, (short) 0);
  }

  /** Sets entry {@code index} of the vector. */
  void setVector(int index, long address, long length) {
    if (vectors.byteSize() == 0) {
      vectors = Arena.ofAuto().allocate(MAX_VECTORS * VECTOR_BYTES, 8);
      header = Arena.ofAuto().allocate(HEADER_BYTES, 8);
    }
    vectors.set(JAVA_LONG, index * VECTOR_BYTES, address);
    vectors.set(JAVA_LONG, index * VECTOR_BYTES + 8, length);
  }

  /**
   * Steps over {@code done} bytes of the vector's entries from {@code first} on.
   *
   * @return the first entry that has bytes left
   */
  int advance(int first, int count, long done) {
    int at = first;
    long left = done;
    while (at < count && left >= vectorLength(at)) {
      left -= vectorLength(at);
      at++;
    }
    if (left > 0) {
      setVector(at, vectors.get(JAVA_LONG, at * VECTOR_BYTES) + left, vectorLength(at) - left);
    }
    return at;
  }

  private long vectorLength(int index) {
    return vectors.get(JAVA_LONG, index * VECTOR_BYTES + 8);
  }

  /** Where entry {@code index} of the vector is. */
  long vectorAddress(int index) {
    return vectors.address() + index * VECTOR_BYTES;
  }

  /** A message header for the vector's entries from {@code first} to {@code count}. */
  long header(int first, int count) {
    header.set(JAVA_LONG, 16, vectorAddress(first));
    header.set(JAVA_LONG, 24, (long) count - first);
    return header.address();
  }

  /** The stage, cleared. */
  ByteBuffer stage() {
    if (stage.capacity() == 0) {
      stage = ByteBuffer.allocateDirect(STAGE_BYTES);
      stageAddress = MemorySegment.ofBuffer(stage).address();
    }
    return stage.clear();
  }

  /** Where the stage is, after {@link #stage} was called. */
  long stageAddress() {
    return stageAddress;
  }
}
