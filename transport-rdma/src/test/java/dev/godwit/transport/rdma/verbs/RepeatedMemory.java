package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** A long range of addresses over little memory, which appears in it again and again. */
final class RepeatedMemory implements AutoCloseable {
  private static final int READ_WRITE = 3;
  private static final int SHARED = 1;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final int FIXED = 0x10;

  /** MFD_HUGETLB. */
  private static final int HUGE_PAGES = 4;

  private static final long FAILED = -1;

  private static final MethodHandle MMAP =
      handle(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MEMFD_CREATE =
      handle("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      handle("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));

  private final MemorySegment memory;

  private RepeatedMemory(MemorySegment memory) {
    this.memory = memory;
  }

  /** Maps {@code length} bytes, of which {@code period} are there. */
  static RepeatedMemory map(long length, long period) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      int fd = (int) MEMFD_CREATE.invokeExact(arena.allocateFrom("repeated"), 0);
      check(fd >= 0 && (int) FTRUNCATE.invokeExact(fd, period) == 0);
      long start = (long) MMAP.invokeExact(0L, length, 0, PRIVATE_ANONYMOUS, -1, 0L);
      check(start != FAILED);
      for (long at = 0; at < length; at += period) {
        long piece = Math.min(period, length - at);
        long mapped =
            (long) MMAP.invokeExact(start + at, piece, READ_WRITE, SHARED | FIXED, fd, 0L);
        check(mapped == start + at);
      }
      Libc.close(fd);
      return new RepeatedMemory(MemorySegment.ofAddress(start).reinterpret(length));
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /** Maps huge pages of the size that is usual here, of which so many bytes must be free. */
  static RepeatedMemory ofHugePages(long length) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      int fd = (int) MEMFD_CREATE.invokeExact(arena.allocateFrom("huge"), HUGE_PAGES);
      check(fd >= 0 && (int) FTRUNCATE.invokeExact(fd, length) == 0);
      long start = (long) MMAP.invokeExact(0L, length, READ_WRITE, SHARED, fd, 0L);
      check(start != FAILED);
      Libc.close(fd);
      return new RepeatedMemory(MemorySegment.ofAddress(start).reinterpret(length));
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  MemorySegment memory() {
    return memory;
  }

  @Override
  public void close() {
    try {
      check((int) MUNMAP.invokeExact(memory.address(), memory.byteSize()) == 0);
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  private static void check(boolean done) {
    if (!done) {
      throw new AssertionError("Memory could not be mapped");
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor shape) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), shape);
  }
}
