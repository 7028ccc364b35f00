package dev.godwit.channel.ram;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The RAM blocks of one guest in the order in which their table names them. Immutable. */
public final class RamBlocks {
  private final Map<String, RamBlock> byName = new LinkedHashMap<>();
  private final List<RamBlock> all;

  /**
   * @param blocks with names of their own
   */
  public RamBlocks(List<RamBlock> blocks) {
    all = List.copyOf(blocks);
    for (RamBlock block : all) {
      if (byName.put(block.name(), block) != null) {
        throw new IllegalArgumentException("There are two RAM blocks " + block.name());
      }
    }
  }

  public List<RamBlock> all() {
    return all;
  }

  public Optional<RamBlock> named(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  public long totalBytes() {
    return all.stream().mapToLong(RamBlock::lengthBytes).sum();
  }
}
