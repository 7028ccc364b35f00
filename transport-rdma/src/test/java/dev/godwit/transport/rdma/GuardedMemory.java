package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Blocks of memory with guards in front, between and behind that nobody may write into. */
final class GuardedMemory implements AutoCloseable {
  private static final long GUARD_BYTES = 64 << 10;
  private static final byte GUARD = 0x5a;
  private static final int PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment all;
  private final MemorySegment[] blocks;
  private final MemorySegment intact;

  GuardedMemory(long... lengths) {
    long total = GUARD_BYTES;
    for (long length : lengths) {
      total += length + GUARD_BYTES;
    }
    all = arena.allocate(total, PAGE);
    blocks = new MemorySegment[lengths.length];
    long at = 0;
    for (int i = 0; i < lengths.length; i++) {
      all.asSlice(at, GUARD_BYTES).fill(GUARD);
      at += GUARD_BYTES;
      blocks[i] = all.asSlice(at, lengths[i]);
      at += lengths[i];
    }
    all.asSlice(at, GUARD_BYTES).fill(GUARD);
    intact = arena.allocate(GUARD_BYTES).fill(GUARD);
  }

  MemorySegment block(int index) {
    return blocks[index];
  }

  /** Fails if a guard was written into. */
  void assertGuarded(String what) {
    long at = 0;
    for (int i = 0; i <= blocks.length; i++) {
      assertThat(all.asSlice(at, GUARD_BYTES).mismatch(intact))
          .as("first damage of guard %d, %s", i, what)
          .isEqualTo(-1);
      at += GUARD_BYTES + (i < blocks.length ? blocks[i].byteSize() : 0);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
