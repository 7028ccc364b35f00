package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * Ends the body of every section (qemu-wire.md §1.3).
 *
 * <pre>
 *   0  u8   0x7E
 *   1  u32  section id, that of the header
 * </pre>
 */
public record SectionFooter(long id) {
  public static final int BYTES = 5;

  /**
   * @param section whose footer must be next
   */
  public static SectionFooter read(StreamInput in, Section section)
      throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (type != TypeByte.SECTION_FOOTER) {
      throw in.malformed(
          start, "Where " + section + " ends there is " + TypeByte.text(type) + ", no footer");
    }
    long id = in.u32();
    if (id != section.id()) {
      throw in.malformed(start + 1, "The footer of " + section + " has the id " + id);
    }
    return new SectionFooter(id);
  }

  public void write(StreamOutput out) throws ChannelException {
    out.u8(TypeByte.SECTION_FOOTER);
    out.u32(id);
  }
}
