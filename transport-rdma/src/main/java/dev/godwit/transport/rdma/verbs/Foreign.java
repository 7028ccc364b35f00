package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * How C is called. All calls have one of two shapes, since each shape costs at every start: numbers
 * in, a number out. Both x86-64 and aarch64 pass that many in registers, and leave it to the callee
 * to take the lower part of one for an int or a byte.
 */
final class Foreign {
  static final Linker LINKER = Linker.nativeLinker();

  /** What memory for errno must have room for. */
  static final long ERRNO_BYTES = Linker.Option.captureStateLayout().byteSize();

  /** What a call takes at most. */
  static final int ARGUMENTS = 6;

  private static final long ERRNO_OFFSET =
      Linker.Option.captureStateLayout().byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          Linker.Option.captureCallState("errno"));

  private static final MethodHandle QUICK =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  private Foreign() {}

  /** A call that leaves errno in {@code errno}. */
  static long call(
      MemorySegment function, MemorySegment errno, long a, long b, long c, long d, long e, long f) {
    try {
      return (long) CALL.invokeExact(function, errno, a, b, c, d, e, f);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  /** A call of the data path, which returns its error number; allocates nothing. */
  static int quick(MemorySegment function, long a, long b, long c) {
    try {
      return (int) QUICK.invokeExact(function, a, b, c);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static int errno(MemorySegment errno) {
    return errno.get(JAVA_INT, ERRNO_OFFSET);
  }

  static RuntimeException unexpected(Throwable t) {
    if (t instanceof Error error) {
      throw error;
    }
    if (t instanceof RuntimeException runtime) {
      return runtime;
    }
    return new IllegalStateException("A native function could not be called", t);
  }
}
