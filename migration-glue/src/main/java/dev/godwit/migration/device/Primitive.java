package dev.godwit.migration.device;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;

/**
 * A number as it travels: big-endian, of fixed width (qemu-wire.md §1.5). In memory each is a
 * {@code long}, of which {@link #U64} uses all 64 bits as they are.
 */
public enum Primitive {
  /** One byte, 0 or 1; nothing else is read. */
  BOOL("bool", Byte.BYTES, 0, 1),
  U8("uint8", Byte.BYTES, 0, 0xFF),
  U16("uint16", Short.BYTES, 0, 0xFFFF),
  U32("uint32", Integer.BYTES, 0, 0xFFFF_FFFFL),
  U64("uint64", Long.BYTES, Long.MIN_VALUE, Long.MAX_VALUE),
  I8("int8", Byte.BYTES, Byte.MIN_VALUE, Byte.MAX_VALUE),
  I16("int16", Short.BYTES, Short.MIN_VALUE, Short.MAX_VALUE),
  I32("int32", Integer.BYTES, Integer.MIN_VALUE, Integer.MAX_VALUE),
  I64("int64", Long.BYTES, Long.MIN_VALUE, Long.MAX_VALUE),
  /** When a timer expires, in nanoseconds of the guest's clock; -1 if it is not set. */
  TIMER("timer", Long.BYTES, Long.MIN_VALUE, Long.MAX_VALUE);

  private final String word;
  private final int bytes;
  private final long least;
  private final long most;

  Primitive(String word, int bytes, long least, long most) {
    this.word = word;
    this.bytes = bytes;
    this.least = least;
    this.most = most;
  }

  /** QEMU's word for it in a description, such as {@code uint32}. */
  public String word() {
    return word;
  }

  /** Its width on the wire. */
  public int bytes() {
    return bytes;
  }

  boolean holds(long value) {
    return value >= least && value <= most;
  }

  String text(long value) {
    return this == U64 ? Long.toUnsignedString(value) : Long.toString(value);
  }

  /**
   * @param value one that it {@link #holds}
   */
  void write(StreamOutput out, long value) throws ChannelException {
    switch (bytes) {
      case Byte.BYTES -> out.u8((int) value);
      case Short.BYTES -> out.u16((int) value);
      case Integer.BYTES -> out.u32(value);
      default -> out.u64(value);
    }
  }

  /** Reads any bits of its width; of {@link #BOOL} they may be no truth. */
  long read(StreamInput in) throws ChannelException, StreamException {
    return switch (this) {
      case BOOL, U8 -> in.u8();
      case U16 -> in.u16();
      case U32 -> in.u32();
      case U64, I64, TIMER -> in.u64();
      case I8 -> (byte) in.u8();
      case I16 -> (short) in.u16();
      case I32 -> (int) in.u32();
    };
  }
}
