package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.UUID;

/**
 * The first bytes of each multifd channel: which one it is, and of which guest (qemu-wire.md §4.3).
 *
 * <pre>
 *    0  u32  magic 0x11223344
 *    4  u32  version 1
 *    8   16  UUID of the source's guest, zeroes if it has none
 *   24   u8  channel id, from 0
 *   25   39  reserved, zero
 * </pre>
 *
 * @param guest zeroes (UUID 0-0-0-0-0) where a guest has none
 * @param id below the number of channels, which is 255 at the most
 */
public record MultifdInit(UUID guest, int id) {
  /** Length on the wire. */
  public static final int BYTES = 64;

  private static final int RESERVED_BYTES = 39;

  public MultifdInit {
    if (id < 0 || id > 255) {
      throw new IllegalArgumentException("A channel cannot have the id " + id);
    }
  }

  /** Whether the id fits the number of channels is the caller's to judge. */
  public static MultifdInit read(StreamInput in) throws ChannelException, StreamException {
    PacketHead.readMagicAndVersion(in);
    UUID guest = new UUID(in.u64(), in.u64());
    int id = in.u8();
    long reserved = in.offset();
    if (!in.zeroes(RESERVED_BYTES)) {
      throw in.unsupported(reserved, "The reserved bytes of a channel's first packet are not zero");
    }
    return new MultifdInit(guest, id);
  }

  public void write(StreamOutput out) throws ChannelException {
    PacketHead.writeMagicAndVersion(out);
    out.u64(guest.getMostSignificantBits());
    out.u64(guest.getLeastSignificantBits());
    out.u8(id);
    for (int i = 0; i < RESERVED_BYTES; i++) {
      out.u8(0);
    }
  }
}
