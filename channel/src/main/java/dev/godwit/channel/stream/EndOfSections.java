package dev.godwit.channel.stream;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.ChannelException;

/**
 * Says that all sections were sent; a {@link VmDescription} may follow (qemu-wire.md §1.2).
 *
 * <pre>
 *   0  u8  0x00
 * </pre>
 */
public record EndOfSections() implements StreamItem {
  /**
   * @throws StreamException {@link Kind#MALFORMED} if the next byte is another
   */
  public static EndOfSections read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (type != TypeByte.EOF) {
      throw in.malformed(start, "The sections end with 0x00, not with " + TypeByte.text(type));
    }
    return new EndOfSections();
  }

  @Override
  public void write(StreamOutput out) throws ChannelException {
    out.u8(TypeByte.EOF);
  }
}
