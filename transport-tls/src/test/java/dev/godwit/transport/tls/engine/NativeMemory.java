package dev.godwit.transport.tls.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** What the C library's malloc has given out to this process (mallinfo2(3)). */
final class NativeMemory {
  private static final long IN_USE = 7L * Long.BYTES;
  private static final long MAPPED = 4L * Long.BYTES;
  private static final StructLayout MALLINFO =
      MemoryLayout.structLayout(
          MemoryLayout.sequenceLayout(10, ValueLayout.JAVA_LONG).withName("fields"));

  private NativeMemory() {}

  static long usedBytes() {
    Linker linker = Linker.nativeLinker();
    MethodHandle mallinfo =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("mallinfo2"), FunctionDescriptor.of(MALLINFO));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = (MemorySegment) mallinfo.invokeExact((SegmentAllocator) arena);
      return info.get(ValueLayout.JAVA_LONG, IN_USE) + info.get(ValueLayout.JAVA_LONG, MAPPED);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
