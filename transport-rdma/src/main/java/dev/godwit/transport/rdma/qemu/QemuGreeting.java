package dev.godwit.transport.rdma.qemu;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * The private data of a connection's request and of its acceptance (qemu-rdma-wire.md §3). All
 * numbers are big endian.
 *
 * <pre>
 * 0 be32 version, 1
 * 4 be32 flags: bit 0 asks for whole blocks to be registered, or grants it
 * 8
 * </pre>
 *
 * The connection manager pads with zeros; flags that are not known are ignored, as QEMU does.
 *
 * @param pinAll the source asks for it, and the destination follows
 */
public record QemuGreeting(boolean pinAll) {
  public static final int BYTES = 8;

  private static final int VERSION = 1;
  private static final int PIN_ALL = 1;

  /** As it travels, {@link #BYTES} long. */
  public byte[] encode() {
    return ByteBuffer.allocate(BYTES).putInt(VERSION).putInt(pinAll ? PIN_ALL : 0).array();
  }

  /**
   * Reads what stands in front of private data.
   *
   * @throws ChannelException.Violated if nobody speaks so
   */
  public static QemuGreeting decode(byte[] data) throws ChannelException {
    if (data.length < BYTES) {
      throw new ChannelException.Violated(
          "The peer sent " + data.length + " bytes of private data, and QEMU sends 8");
    }
    ByteBuffer in = ByteBuffer.wrap(data);
    int version = in.getInt();
    if (version != VERSION) {
      throw new ChannelException.Violated(
          "The peer speaks version "
              + Integer.toUnsignedString(version)
              + " of QEMU's RDMA protocol, and there is only version 1");
    }
    return new QemuGreeting((in.getInt() & PIN_ALL) != 0);
  }
}
