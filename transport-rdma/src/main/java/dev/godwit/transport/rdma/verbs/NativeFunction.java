package dev.godwit.transport.rdma.verbs;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A C function that is called now and then, under the ways in which C says that it failed. What the
 * caller gives as {@code what} begins the failure's sentence.
 *
 * @param name as C has it
 */
record NativeFunction(String name, MemorySegment address) {

  /** A function that returns a pointer, and null with errno if it failed. */
  long pointer(String what, long... arguments) throws ChannelException.Native {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES);
      long result = call(errno, arguments);
      if (result == 0) {
        throw Libc.failure(what, name, Foreign.errno(errno));
      }
      return result;
    }
  }

  /** A function that returns -1 with errno if it failed. */
  int number(String what, long... arguments) throws ChannelException.Native {
    int result = negated(arguments);
    if (result < 0) {
      throw Libc.failure(what, name, -result);
    }
    return result;
  }

  /** A function that returns an error number, or 0 if it did not fail. */
  void status(String what, long... arguments) throws ChannelException.Native {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES);
      int result = (int) call(errno, arguments);
      if (result != 0) {
        throw Libc.failure(what, name, result == -1 ? Foreign.errno(errno) : Math.abs(result));
      }
    }
  }

  /** As {@link #number}, but returns the negated error number if it failed. */
  int negated(long... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES);
      int result = (int) call(errno, arguments);
      return result == -1 ? -Foreign.errno(errno) : result;
    }
  }

  /** A function that cannot fail, or whose failure does not matter. */
  long plain(long... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      return call(arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES), arguments);
    }
  }

  private long call(MemorySegment errno, long... arguments) {
    long[] a = Arrays.copyOf(arguments, Foreign.ARGUMENTS);
    return Foreign.call(address, errno, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
}
