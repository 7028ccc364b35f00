package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A piece of a device's state, which QEMU 10.0 sends over any multifd channel while it switches
 * over (qemu-wire.md §4.7). What is in it is the device's own.
 *
 * <pre>
 *    0  u32  magic 0x11223344
 *    4  u32  version 1
 *    8  u32  flags, 0x40
 *   12  256  the device's name, ended by a zero
 *  268  u32  instance
 *  272  u32  next_packet_size, not 0
 *  276    n  data
 * </pre>
 *
 * @param device 1 to 255 bytes, as in the main channel's sections
 * @param instance as in the main channel's sections
 * @param data at least one byte; the packet's own
 */
@SuppressWarnings("ArrayRecordComponent") // Nobody compares two of them; the bytes are handed on.
public record DeviceStatePacket(String device, long instance, byte[] data) {
  /** Length on the wire without the data. */
  public static final int HEADER_BYTES = 276;

  private static final int NAME_BYTES = 256;

  public DeviceStatePacket {
    if (device.isEmpty() || device.length() >= NAME_BYTES || device.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("A device's name has 1 to 255 bytes: " + device);
    }
    if (data.length == 0) {
      throw new IllegalArgumentException("A packet of device state is not empty");
    }
  }

  /** What stands before the data. */
  private record Header(String device, long instance, long dataBytes) {}

  /**
   * Takes the rest of a packet whose head {@link PacketHead#readFlags} has taken.
   *
   * @param limitBytes of the data, for which memory is taken
   */
  static DeviceStatePacket read(StreamInput in, int flags, int limitBytes)
      throws ChannelException, StreamException {
    long start = in.offset() - PacketHead.BYTES;
    Header header = readHeader(in, flags, start);
    if (header.dataBytes > limitBytes) {
      throw in.unsupported(
          start + 272,
          "A packet of device state has "
              + header.dataBytes
              + " bytes where "
              + limitBytes
              + " is the most");
    }
    return new DeviceStatePacket(header.device, header.instance, in.bytes((int) header.dataBytes));
  }

  /**
   * Steps over the rest of such a packet.
   *
   * @return length of its data
   */
  static long skip(StreamInput in, int flags) throws ChannelException, StreamException {
    Header header = readHeader(in, flags, in.offset() - PacketHead.BYTES);
    in.skip(header.dataBytes);
    return header.dataBytes;
  }

  private static Header readHeader(StreamInput in, int flags, long start)
      throws ChannelException, StreamException {
    if (flags != PacketHead.DEVICE_STATE) {
      throw in.malformed(
          start + 8, "A packet of device state has the flags 0x" + Integer.toHexString(flags));
    }
    byte[] name = in.bytes(NAME_BYTES);
    int length = 0;
    while (length < NAME_BYTES && name[length] != 0) {
      length++;
    }
    if (length == 0 || name[NAME_BYTES - 1] != 0) {
      throw in.malformed(
          start + 12, "The name of a device is " + (length == 0 ? "empty" : "without an end"));
    }
    long instance = in.u32();
    long size = in.u32();
    if (size == 0) {
      throw in.malformed(start + 272, "A packet of device state is empty");
    }
    return new Header(new String(name, 0, length, StandardCharsets.ISO_8859_1), instance, size);
  }

  public void write(StreamOutput out) throws ChannelException {
    PacketHead.write(out, PacketHead.DEVICE_STATE);
    out.bytes(Arrays.copyOf(device.getBytes(StandardCharsets.ISO_8859_1), NAME_BYTES));
    out.u32(instance);
    out.u32(data.length);
    out.bytes(data);
  }
}
