package dev.godwit.channel.image;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A page of zeroes to hold others against. Any number of threads may. */
final class ZeroPage implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment zeroes;
  private final int pageBytes;

  ZeroPage(int pageBytes) {
    this.pageBytes = pageBytes;
    this.zeroes = arena.allocate(pageBytes, Long.BYTES);
  }

  /** Whether that page of {@code memory} is all zero at this moment. */
  boolean equalTo(MemorySegment memory, long page) {
    long at = page * pageBytes;
    return MemorySegment.mismatch(memory, at, at + pageBytes, zeroes, 0, pageBytes) < 0;
  }

  /** Makes that page of {@code memory} zero, without touching one that is. */
  void restore(MemorySegment memory, long page) {
    if (!equalTo(memory, page)) {
      MemorySegment.copy(zeroes, 0, memory, page * pageBytes, pageBytes);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
