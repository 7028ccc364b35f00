package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * Copies the records of RAM sections (qemu-wire.md §3), knowing of them only how long each is:
 * enough to come to the footer.
 */
final class RamWalker implements SectionBody {
  private static final int ZERO = 0x002;
  private static final int MEM_SIZE = 0x004;
  private static final int PAGE = 0x008;
  private static final int EOS = 0x010;
  private static final int CONTINUE = 0x020;
  private static final int XBZRLE = 0x040;
  private static final int COMPRESS = 0x100;
  private static final int FLUSH = 0x200;
  private static final int PAGE_BYTES = 4096;
  private static final long FLAGS = PAGE_BYTES - 1;

  private final StreamOutput out;
  private final boolean guestAddresses;

  /**
   * @param guestAddresses whether the block table has them
   */
  RamWalker(StreamOutput out, boolean guestAddresses) {
    this.out = out;
    this.guestAddresses = guestAddresses;
  }

  @Override
  public void read(StreamInput in, SectionHeader header) throws ChannelException, StreamException {
    int flags;
    do {
      long start = in.offset();
      long word = in.u64();
      out.u64(word);
      flags = (int) (word & FLAGS);
      if ((flags & (ZERO | PAGE | XBZRLE | COMPRESS)) != 0 && (flags & CONTINUE) == 0) {
        out.name(in.name("RAM block"));
      }
      switch (flags & ~CONTINUE) {
        case ZERO -> ByteSink.pass(in, 1, out::bytes);
        case PAGE -> ByteSink.pass(in, PAGE_BYTES, out::bytes);
        case MEM_SIZE -> table(in, word & ~FLAGS);
        case COMPRESS -> {
          long length = in.u32();
          out.u32(length);
          ByteSink.pass(in, length, out::bytes);
        }
        case XBZRLE -> {
          out.u8(in.u8());
          int length = in.u16();
          out.u16(length);
          ByteSink.pass(in, length, out::bytes);
        }
        case EOS, FLUSH -> {}
        default -> throw in.malformed(start, "Flags cannot be " + flags);
      }
    } while (flags != EOS);
  }

  private void table(StreamInput in, long total) throws ChannelException, StreamException {
    for (long left = total; left > 0; ) {
      out.name(in.name("RAM block"));
      long start = in.offset();
      long length = in.u64();
      if (length <= 0 || length > left) {
        throw in.malformed(start, "A block cannot have " + length + " bytes");
      }
      out.u64(length);
      left -= length;
      if (guestAddresses) {
        out.u64(in.u64());
      }
    }
  }
}
