package dev.godwit.transport.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where the last few direct buffers are in memory, so that asking again allocates nothing. One
 * thread uses it.
 */
final class BufferAddresses {
  /** A writer gathers a header, a table and a few pages at once, again and again. */
  private static final int SLOTS = 8;

  private final @Nullable ByteBuffer[] buffers = new @Nullable ByteBuffer[SLOTS];
  private final MemorySegment[] segments = new MemorySegment[SLOTS];
  private final long[] starts = new long[SLOTS];
  private int oldest;

  /**
   * The address of index 0 of a direct buffer.
   *
   * @throws IllegalStateException if its memory was released
   */
  @SuppressWarnings("ReferenceEquality") // Equal buffers are at different places.
  long start(ByteBuffer buffer) {
    for (int i = 0; i < SLOTS; i++) {
      if (buffers[i] == buffer) {
        requireAlive(segments[i]);
        return starts[i];
      }
    }
    MemorySegment segment = MemorySegment.ofBuffer(buffer);
    requireAlive(segment);
    int slot = oldest;
    oldest = (oldest + 1) % SLOTS;
    buffers[slot] = buffer;
    segments[slot] = segment;
    starts[slot] = segment.address() - buffer.position();
    return starts[slot];
  }

  /** Fails if the memory of {@code segment} was released. */
  static void requireAlive(MemorySegment segment) {
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("The memory was released");
    }
  }
}
