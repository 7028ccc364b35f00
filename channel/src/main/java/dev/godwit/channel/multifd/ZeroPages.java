package dev.godwit.channel.multifd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Finds and makes pages of zeroes; allocates nothing for one. */
final class ZeroPages {
  private final MemorySegment zeroes;
  private final int pageBytes;

  ZeroPages(Arena arena, int pageBytes) {
    this.zeroes = arena.allocate(pageBytes, Long.BYTES);
    this.pageBytes = pageBytes;
  }

  /** Of a page that changes meanwhile the answer is as torn as the page. */
  boolean isZero(MemorySegment memory, long offset) {
    return MemorySegment.mismatch(memory, offset, offset + pageBytes, zeroes, 0, pageBytes) < 0;
  }

  /** Leaves a page alone that is zero already, so that untouched memory stays untouched. */
  void clear(MemorySegment memory, long offset) {
    if (!isZero(memory, offset)) {
      MemorySegment.copy(zeroes, 0, memory, offset, pageBytes);
    }
  }
}
