package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;
import java.util.List;
import java.util.Optional;

/**
 * What the source tells the destination to do, between two sections (qemu-wire.md §2).
 *
 * <pre>
 *   0  u8   0x08
 *   1  u16  number
 *   3  u16  length of the payload
 *   5       payload
 * </pre>
 */
public sealed interface Command extends StreamItem {

  int HEADER_BYTES = 5;

  int number();

  /** Length of the payload in bytes. */
  default int payloadBytes() {
    return 0;
  }

  /** Writes what follows the head. */
  default void writePayload(StreamOutput out) throws ChannelException {}

  @Override
  default void write(StreamOutput out) throws ChannelException {
    out.u8(TypeByte.COMMAND);
    out.u16(number());
    out.u16(payloadBytes());
    writePayload(out);
  }

  static Command read(StreamInput in) throws ChannelException, StreamException {
    return CommandReader.read(in);
  }

  /** The destination shall answer on this channel. */
  record OpenReturnPath() implements Command {
    static final int NUMBER = 1;

    @Override
    public int number() {
      return NUMBER;
    }
  }

  /** The destination shall answer PONG with {@code value}: u32. */
  record Ping(long value) implements Command {
    static final int NUMBER = 2;
    static final int PAYLOAD_BYTES = 4;

    @Override
    public int number() {
      return NUMBER;
    }

    @Override
    public int payloadBytes() {
      return PAYLOAD_BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u32(value);
    }
  }

  /**
   * Postcopy may come: u64 page sizes of all blocks in one mask, u64 target page size; nothing at
   * all where only dirty bitmaps may.
   */
  record PostcopyAdvise(Optional<PageSizes> pageSizes) implements Command {
    /** Both in bytes. */
    public record PageSizes(long blocksMask, long targetPageBytes) {}

    static final int NUMBER = 3;
    static final int PAYLOAD_BYTES = 16;

    @Override
    public int number() {
      return NUMBER;
    }

    @Override
    public int payloadBytes() {
      return pageSizes.isPresent() ? PAYLOAD_BYTES : 0;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      if (pageSizes.isPresent()) {
        out.u64(pageSizes.get().blocksMask());
        out.u64(pageSizes.get().targetPageBytes());
      }
    }
  }

  /** The destination shall expect pages while it loads devices. */
  record PostcopyListen() implements Command {
    static final int NUMBER = 4;

    @Override
    public int number() {
      return NUMBER;
    }
  }

  /** The destination shall run the guest; ends a package. */
  record PostcopyRun() implements Command {
    static final int NUMBER = 5;

    @Override
    public int number() {
      return NUMBER;
    }
  }

  /** What the destination has of these ranges is old: u8 0, cstr8 block, u8 0, n x {u64, u64}. */
  record PostcopyRamDiscard(String block, List<Range> ranges) implements Command {
    /** In bytes of the block. */
    public record Range(long start, long length) {}

    static final int NUMBER = 6;
    static final int RANGE_BYTES = 16;

    /** Version, length of the name, and what ends the name. */
    static final int FIXED_BYTES = 3;

    public PostcopyRamDiscard {
      ranges = List.copyOf(ranges);
      if (ranges.isEmpty() || FIXED_BYTES + block.length() + RANGE_BYTES * ranges.size() > 0xFFFF) {
        throw new IllegalArgumentException("A discard cannot have " + ranges.size() + " ranges");
      }
    }

    @Override
    public int number() {
      return NUMBER;
    }

    @Override
    public int payloadBytes() {
      return FIXED_BYTES + block.length() + RANGE_BYTES * ranges.size();
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u8(0);
      out.name(block);
      out.u8(0);
      for (Range range : ranges) {
        out.u64(range.start());
        out.u64(range.length());
      }
    }
  }

  /**
   * Embeds a stream: u32 length of the package, whose bytes follow the command and are items again
   * (§5.3).
   */
  record Packaged(long packageBytes) implements Command {
    static final int NUMBER = 7;
    static final int PAYLOAD_BYTES = 4;

    /** Device state of one guest; 13 KiB is usual. */
    public static final long MAX_PACKAGE_BYTES = 1L << 30;

    @Override
    public int number() {
      return NUMBER;
    }

    @Override
    public int payloadBytes() {
      return PAYLOAD_BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u32(packageBytes);
    }
  }

  /** The destination shall become the secondary of a COLO pair. */
  record EnableColo() implements Command {
    static final int NUMBER = 8;

    @Override
    public int number() {
      return NUMBER;
    }
  }

  /** A paused postcopy goes on (§5.5). */
  record PostcopyResume() implements Command {
    static final int NUMBER = 9;

    @Override
    public int number() {
      return NUMBER;
    }
  }

  /** The destination shall say which pages of a block it has: cstr8 block. */
  record RecvBitmap(String block) implements Command {
    static final int NUMBER = 10;

    @Override
    public int number() {
      return NUMBER;
    }

    @Override
    public int payloadBytes() {
      return 1 + block.length();
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.name(block);
    }
  }

  /** The last data is next; 10.0 only. */
  record SwitchoverStart() implements Command {
    static final int NUMBER = 11;

    @Override
    public int number() {
      return NUMBER;
    }
  }
}
