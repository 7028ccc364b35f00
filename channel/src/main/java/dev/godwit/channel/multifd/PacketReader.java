package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;

/**
 * Steps over the packets of one multifd channel, behind its {@link MultifdInit}, and tells of each
 * (qemu-wire.md §4.4, §4.7). Payload is passed over and not decompressed, and nothing waits at a
 * SYNC. One thread uses it, and allocates nothing a packet of pages.
 */
public final class PacketReader {

  /** Is told of each packet once it was read; the input stands behind its payload. */
  public interface Packets {
    /** Pages, a SYNC, or both; {@code packet} changes with the next one. */
    void pages(MultifdPacket packet);

    /**
     * A piece of a device's state.
     *
     * @param bytes how long the piece is, without its header
     */
    void deviceState(long bytes);
  }

  private final StreamInput in;
  private final MultifdPacket packet;
  private final Packets packets;

  /**
   * @param in stays the caller's
   * @param pageBytes the target's page size, in which all blocks travel
   */
  public PacketReader(StreamInput in, int pageBytes, Packets packets) {
    this.in = in;
    this.packet = new MultifdPacket(PageUnits.target(pageBytes));
    this.packets = packets;
  }

  /** Reads to the channel's end. */
  public void readAll() throws ChannelException, StreamException {
    while (in.hasMore()) {
      int flags = PacketHead.readFlags(in);
      if ((flags & PacketHead.DEVICE_STATE) != 0) {
        packets.deviceState(DeviceStatePacket.skip(in, flags));
      } else {
        packet.read(in, flags);
        in.skip(packet.payloadBytes());
        packets.pages(packet);
      }
    }
  }
}
