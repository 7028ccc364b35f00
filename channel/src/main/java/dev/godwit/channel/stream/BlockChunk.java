package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * One piece of a {@code block} section of 7.2, which has them until one with {@link #EOS}
 * (qemu-wire.md §3.10).
 *
 * <pre>
 *   u64    sector &lt;&lt; 9 | flags, just one of DEVICE_BLOCK, EOS and PROGRESS among them
 *   cstr8  device, then 1 MiB of it, which the caller takes, unless ZERO_BLOCK    if DEVICE_BLOCK
 * </pre>
 *
 * @param word sector and flags; with {@link #PROGRESS} the sector is a percentage
 * @param device empty unless it is a block of one
 */
public record BlockChunk(long word, String device) {
  /** The section's name. */
  public static final String SECTION = "block";

  public static final int DEVICE_BLOCK = 0x01;
  public static final int EOS = 0x02;
  public static final int PROGRESS = 0x04;
  public static final int ZERO_BLOCK = 0x08;

  /** How much of a disk one chunk holds. */
  public static final int DATA_BYTES = 1 << 20;

  private static final int SECTOR_BITS = 9;
  private static final int FLAGS = (1 << SECTOR_BITS) - 1;

  public static BlockChunk read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    long word = in.u64();
    int flags = (int) word & FLAGS;
    return switch (flags) {
      case DEVICE_BLOCK, DEVICE_BLOCK | ZERO_BLOCK ->
          new BlockChunk(word, in.name("name of a disk"));
      case EOS, PROGRESS -> new BlockChunk(word, "");
      default -> throw in.malformed(start, String.format("A disk's flags cannot be 0x%03X", flags));
    };
  }

  public int flags() {
    return (int) word & FLAGS;
  }

  /** In units of 512 bytes. */
  public long sector() {
    return word >>> SECTOR_BITS;
  }

  /** How many bytes of the disk follow this chunk. */
  public long dataBytes() {
    return flags() == DEVICE_BLOCK ? DATA_BYTES : 0;
  }

  /** Whether it ends the section. */
  public boolean isLast() {
    return flags() == EOS;
  }

  /** Writes all but the data. */
  public void write(StreamOutput out) throws ChannelException {
    out.u64(word);
    if ((flags() & DEVICE_BLOCK) != 0) {
      out.name(device);
    }
  }
}
