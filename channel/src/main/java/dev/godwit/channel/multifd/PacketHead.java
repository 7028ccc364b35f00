package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;

/**
 * What all packets of a multifd channel begin with; the flags tell which kind follows (qemu-wire.md
 * §4.4, §4.7).
 *
 * <pre>
 *    0  u32  magic 0x11223344
 *    4  u32  version 1
 *    8  u32  flags
 * </pre>
 */
final class PacketHead {
  static final int BYTES = 12;
  static final int MAGIC = 0x1122_3344;
  static final int VERSION = 1;

  /** The channel stops after this packet, until the main channel has reached its mark. */
  static final int SYNC = 0x01;

  /** Which compression the payload is in; five bits, of which 7.2 knows three. */
  static final int COMPRESSION = 0x3E;

  /** A packet of a device's state, with a header of its own. */
  static final int DEVICE_STATE = 0x40;

  private PacketHead() {}

  /** Takes the head and returns its flags, of which all are known. */
  static int readFlags(StreamInput in) throws ChannelException, StreamException {
    readMagicAndVersion(in);
    long start = in.offset();
    long flags = in.u32();
    if ((flags & ~(SYNC | COMPRESSION | DEVICE_STATE)) != 0) {
      throw in.unsupported(start, "A packet has the unknown flags 0x" + Long.toHexString(flags));
    }
    return (int) flags;
  }

  static void write(StreamOutput out, int flags) throws ChannelException {
    writeMagicAndVersion(out);
    out.u32(flags);
  }

  static void readMagicAndVersion(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    long magic = in.u32();
    if (magic != MAGIC) {
      throw in.malformed(
          start,
          String.format("A packet begins with 0x%08x where 0x%08x was expected", magic, MAGIC));
    }
    long version = in.u32();
    if (version != VERSION) {
      throw in.unsupported(
          start + 4, "A packet has version " + version + " where " + VERSION + " was expected");
    }
  }

  static void writeMagicAndVersion(StreamOutput out) throws ChannelException {
    out.u32(MAGIC);
    out.u32(VERSION);
  }
}
