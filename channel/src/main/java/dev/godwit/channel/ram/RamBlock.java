package dev.godwit.channel.ram;

import java.lang.foreign.MemorySegment;

/**
 * One piece of guest memory under a name. The memory is its owner's, who keeps it alive while a
 * migration uses it; a running guest may change it at any time.
 *
 * @param name 1 to 255 bytes, such as {@code pc.ram}; unique in a guest
 * @param memory as long as the block
 * @param pageBytes the unit in which it is sent: the target's page size, or that of huge pages
 */
public record RamBlock(String name, MemorySegment memory, int pageBytes) {
  public RamBlock {
    if (name.isEmpty() || name.length() > 255) {
      throw new IllegalArgumentException("A RAM block's name has 1 to 255 bytes: " + name);
    }
    if (pageBytes < 1024 || Integer.bitCount(pageBytes) != 1) {
      throw new IllegalArgumentException("A page cannot have " + pageBytes + " bytes");
    }
    if (memory.byteSize() == 0 || memory.byteSize() % pageBytes != 0) {
      throw new IllegalArgumentException(
          "RAM block " + name + " has " + memory.byteSize() + " bytes, no whole number of pages");
    }
  }

  public long lengthBytes() {
    return memory.byteSize();
  }

  public long pages() {
    return memory.byteSize() / pageBytes;
  }

  @Override
  public String toString() {
    return "RAM block " + name + " of " + lengthBytes() + " bytes";
  }
}
