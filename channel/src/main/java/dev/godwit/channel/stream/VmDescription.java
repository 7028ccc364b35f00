package dev.godwit.channel.stream;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What the devices' sections hold, in the source's own words, behind the last of them (qemu-wire.md
 * §1.7). Kept as it came: it is JSON only once somebody looks into it.
 *
 * <pre>
 *   0  u8   0x06
 *   1  u32  L
 *   5  L    compact JSON in UTF-8
 * </pre>
 */
public final class VmDescription implements StreamItem {
  /** A bare machine has 98 KiB. */
  public static final int MAX_BYTES = 64 * 1024 * 1024;

  private static final int HEADER_BYTES = 5;

  /** Memory is taken as the bytes arrive, not as they are announced. */
  private static final int FIRST_BYTES = 256 * 1024;

  private final String channel;
  private final long offset;
  private final byte[] json;

  private VmDescription(String channel, long offset, byte[] json) {
    this.channel = channel;
    this.offset = offset;
    this.json = json;
  }

  /** A description to be written. */
  public static VmDescription of(String json) {
    return of(json.getBytes(UTF_8));
  }

  /** A description to be written, which {@link #parse} makes the same of again. */
  public static VmDescription of(MachineDescription machine) {
    return of(DescriptionWriter.write(machine));
  }

  private static VmDescription of(byte[] bytes) {
    if (bytes.length > MAX_BYTES) {
      throw new IllegalArgumentException("A description cannot have " + bytes.length + " bytes");
    }
    return new VmDescription("none", 0, bytes);
  }

  public static VmDescription read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (type != TypeByte.VM_DESCRIPTION) {
      throw in.malformed(start, "A description begins with 0x06, not with " + TypeByte.text(type));
    }
    long length = in.u32();
    if (length > MAX_BYTES) {
      throw in.malformed(start + 1, "A description of " + length + " bytes is too long");
    }
    byte[] json = new byte[(int) Math.min(length, FIRST_BYTES)];
    for (int done = 0; done < length; done = json.length) {
      if (done > 0) {
        json = Arrays.copyOf(json, (int) Math.min(length, 2L * done));
      }
      in.bytes(ByteBuffer.wrap(json, done, json.length - done));
    }
    return new VmDescription(in.name(), start + HEADER_BYTES, json);
  }

  public int lengthBytes() {
    return json.length;
  }

  /** The JSON as it came, read-only. */
  public ByteBuffer json() {
    return ByteBuffer.wrap(json).asReadOnlyBuffer();
  }

  /**
   * Looks into it.
   *
   * @throws StreamException {@link StreamException.Kind#MALFORMED} if this is no JSON, or not that
   *     of a description
   */
  public MachineDescription parse() throws StreamException {
    return new DescriptionParser(channel, offset, json).parse();
  }

  @Override
  public void write(StreamOutput out) throws ChannelException {
    out.u8(TypeByte.VM_DESCRIPTION);
    out.u32(json.length);
    out.bytes(json);
  }
}
