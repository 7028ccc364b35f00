package dev.godwit.channel.ram;

import dev.godwit.transport.Region;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** The page that a record is about. One object serves all pages of a channel, one by one. */
public final class IncomingPage {
  private int pageBytes;
  private MemorySegment memory = MemorySegment.NULL;
  private Optional<Region> region = Optional.empty();
  private long offset;

  void block(MemorySegment memory, Optional<Region> region, int pageBytes) {
    this.pageBytes = pageBytes;
    this.memory = memory;
    this.region = region;
  }

  void at(long offset) {
    this.offset = offset;
  }

  /** The whole block's memory. */
  public MemorySegment memory() {
    return memory;
  }

  /** Where the page begins in {@link #memory}; all of it lies within. */
  public long offset() {
    return offset;
  }

  public int pageBytes() {
    return pageBytes;
  }

  /** Where pages are placed, if records announce them; empty if their bytes are in the stream. */
  public Optional<Region> placedIn() {
    return region;
  }

  /** Fills the page, and leaves memory that is zero already untouched by zeroes. */
  void fill(int value) {
    if (value != 0) {
      memory.asSlice(offset, pageBytes).fill((byte) value);
    } else {
      ZeroPages.clear(memory, offset, pageBytes);
    }
  }

  /** Copies bytes into the page, to {@code at} from its beginning. */
  void set(byte[] src, int from, int at, int length) {
    MemorySegment.copy(src, from, memory, ValueLayout.JAVA_BYTE, offset + at, length);
  }
}
