package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;
import java.util.Optional;

/**
 * Begins a section; its body and a {@link SectionFooter} follow (qemu-wire.md §1.3).
 *
 * <pre>
 *   START, FULL                            PART, END
 *   0    u8     0x01 | 0x04                0  u8   0x02 | 0x03
 *   1    u32    section id                 1  u32  section id of a START before
 *   5    cstr8  name
 *   +0   u32    instance
 *   +4   u32    version
 * </pre>
 */
public record SectionHeader(Kind kind, Section section) implements StreamItem {

  /** Which piece of its device's state a section holds. */
  public enum Kind {
    /** The first of several pieces. */
    START(TypeByte.SECTION_START),
    /** One more piece. */
    PART(TypeByte.SECTION_PART),
    /** The last piece. */
    END(TypeByte.SECTION_END),
    /** All of it. */
    FULL(TypeByte.SECTION_FULL);

    private final int type;

    Kind(int type) {
      this.type = type;
    }

    /** Whether the header says what the section's id stands for. */
    public boolean announces() {
      return this == START || this == FULL;
    }
  }

  private static final Kind[] KINDS = Kind.values();

  /** Whether a header begins with {@code type}. */
  static boolean isType(int type) {
    return type >= TypeByte.SECTION_START && type <= TypeByte.SECTION_FULL;
  }

  /** The kind whose header begins with {@code type}. */
  static Kind kind(int type) {
    return KINDS[type - TypeByte.SECTION_START];
  }

  /**
   * @param known what was announced before; a header that announces is added
   */
  public static SectionHeader read(StreamInput in, SectionTable known)
      throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (!isType(type)) {
      throw in.malformed(start, "No section begins with " + TypeByte.text(type));
    }
    Kind kind = kind(type);
    long id = in.u32();
    SectionHeader header = new SectionHeader(kind, section(in, kind, id, known, start));
    Optional<String> objection = known.objection(header);
    if (objection.isPresent()) {
      throw in.malformed(start, objection.get());
    }
    known.accept(header);
    return header;
  }

  private static Section section(StreamInput in, Kind kind, long id, SectionTable known, long start)
      throws ChannelException, StreamException {
    if (kind.announces()) {
      return new Section(id, in.name("name of section " + id), in.u32(), in.u32());
    }
    Optional<Section> section = known.started(id);
    if (section.isEmpty()) {
      throw in.malformed(start, known.objection(kind, id));
    }
    return section.get();
  }

  @Override
  public void write(StreamOutput out) throws ChannelException {
    out.u8(kind.type);
    out.u32(section.id());
    if (kind.announces()) {
      out.name(section.name());
      out.u32(section.instance());
      out.u32(section.version());
    }
  }
}
