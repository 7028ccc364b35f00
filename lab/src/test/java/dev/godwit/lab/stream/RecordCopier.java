package dev.godwit.lab.stream;

import dev.godwit.channel.stream.ByteSink;
import dev.godwit.channel.stream.SectionBody;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies the records of RAM sections (qemu-wire.md §3), knowing of each no more than where it ends,
 * and remembers where they were.
 */
final class RecordCopier implements SectionBody {
  private static final int PAGE_BYTES = 4096;
  private static final int ZERO = 0x002;
  private static final int MEM_SIZE = 0x004;
  private static final int PAGE = 0x008;
  private static final int EOS = 0x010;
  private static final int CONTINUE = 0x020;
  private static final int XBZRLE = 0x040;
  private static final int COMPRESS = 0x100;
  private static final int FLUSH = 0x200;

  /**
   * A record of a page.
   *
   * @param start offset of its word
   * @param payload offset of what says what is in the page; none in a page of zeroes
   * @param end offset behind it
   */
  record Place(int flags, int start, int payload, int end) {
    /** Whether it is more than the bytes of the page, or one byte for all of them. */
    boolean isEncoded() {
      return (flags & (XBZRLE | COMPRESS)) != 0;
    }

    /** Whether nothing that follows needs it in order to be read. */
    boolean canBeLeftOut() {
      return (flags & CONTINUE) != 0;
    }
  }

  private final StreamOutput out;
  private final List<Place> places = new ArrayList<>();

  RecordCopier(StreamOutput out) {
    this.out = out;
  }

  /** The records of pages so far. */
  List<Place> places() {
    return places;
  }

  @Override
  public void read(StreamInput in, SectionHeader header) throws ChannelException, StreamException {
    int flags;
    do {
      int start = (int) in.offset();
      long word = in.u64();
      out.u64(word);
      flags = (int) (word & (PAGE_BYTES - 1));
      boolean isPage = (flags & (ZERO | PAGE | XBZRLE | COMPRESS)) != 0;
      if (isPage && (flags & CONTINUE) == 0) {
        out.name(in.name("RAM block"));
      }
      int payload = 0;
      switch (flags & ~CONTINUE) {
        case ZERO -> {
          ByteSink.pass(in, 1, out::bytes);
          payload = (int) in.offset();
        }
        case PAGE -> payload = pass(in, PAGE_BYTES);
        case COMPRESS -> {
          long length = in.u32();
          out.u32(length);
          payload = pass(in, length);
        }
        case XBZRLE -> {
          out.u8(in.u8());
          int length = in.u16();
          out.u16(length);
          payload = pass(in, length);
        }
        case MEM_SIZE -> table(in, word - flags);
        case EOS, FLUSH -> {}
        default -> throw in.malformed(start, "Flags cannot be " + flags);
      }
      if (isPage) {
        places.add(new Place(flags, start, payload, (int) in.offset()));
      }
    } while (flags != EOS);
  }

  /** Passes a payload on and returns where it began. */
  private int pass(StreamInput in, long length) throws ChannelException, StreamException {
    int start = (int) in.offset();
    ByteSink.pass(in, length, out::bytes);
    return start;
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
    }
  }
}
