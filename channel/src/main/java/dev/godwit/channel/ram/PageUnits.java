package dev.godwit.channel.ram;

/**
 * In which units memory travels: all of it in the target's pages, as QEMU has it, or each block in
 * its own, so that a huge page arrives whole.
 *
 * @param targetBytes the target's page size, a power of two
 * @param whole whether a block of huge pages travels in these
 */
public record PageUnits(int targetBytes, boolean whole) {
  /** The largest huge page there is; a record holds no greater number. */
  public static final int MAX_BYTES = 1 << 30;

  /** All blocks travel in the target's pages. */
  public static PageUnits target(int targetBytes) {
    return new PageUnits(targetBytes, false);
  }

  /** Each block travels in its own pages. */
  public static PageUnits whole(int targetBytes) {
    return new PageUnits(targetBytes, true);
  }

  /** The unit of a block, in bytes: a power of two, by which the block's length divides. */
  public int of(RamBlock block) {
    return whole ? Math.max(targetBytes, block.pageBytes()) : targetBytes;
  }

  /** The units of all blocks, in their order. */
  int[] of(RamBlocks blocks) {
    return blocks.all().stream().mapToInt(this::of).toArray();
  }
}
