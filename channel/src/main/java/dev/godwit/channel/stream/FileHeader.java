package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * The first bytes of a main channel, which a postcopy recovery leaves out (qemu-wire.md §1.1).
 *
 * <pre>
 *   0  u32  0x5145564D "QEVM"
 *   4  u32  3
 * </pre>
 */
public record FileHeader() implements StreamItem {
  public static final int BYTES = 8;

  private static final long MAGIC = 0x5145564DL;
  private static final long VERSION = 3;

  public static FileHeader read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    if (in.peek() == TypeByte.COMMAND) {
      throw in.unsupported(
          start,
          "This goes on with a postcopy migration that was interrupted, and is nothing without it");
    }
    long magic = in.u32();
    if (magic != MAGIC) {
      throw in.malformed(
          start, String.format("This is no migration stream, it begins with 0x%08X", magic));
    }
    long version = in.u32();
    if (version != VERSION) {
      throw in.unsupported(
          start + Integer.BYTES, "The stream's version is " + version + " instead of " + VERSION);
    }
    return new FileHeader();
  }

  @Override
  public void write(StreamOutput out) throws ChannelException {
    out.u32(MAGIC);
    out.u32(VERSION);
  }
}
