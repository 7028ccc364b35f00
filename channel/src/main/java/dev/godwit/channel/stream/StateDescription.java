package dev.godwit.channel.stream;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Optional;

/**
 * The layout of a device's state, or of a part of it: its fields one after the other, then its
 * subsections (qemu-wire.md §1.6, §1.7).
 *
 * @param name of the layout, not of the device
 */
public record StateDescription(
    String name, long version, List<Field> fields, List<StateDescription> subsections) {

  /** What stands before the fields of a subsection: 0x05, length of its name, u32 version. */
  private static final int SUBSECTION_BYTES = 1 + 1 + 4;

  public StateDescription {
    fields = List.copyOf(fields);
    subsections = List.copyOf(subsections);
  }

  /**
   * One field, or an array of equal ones.
   *
   * @param name its index included where it is one of several that are listed one by one
   * @param type QEMU's word for it, such as {@code uint32}, {@code buffer}, {@code struct}
   * @param elementBytes length of one element; what {@code struct} holds is counted in it
   * @param elements how many there are, 1 where it is no array
   * @param struct what one element consists of, where that is described
   */
  public record Field(
      String name,
      String type,
      long elementBytes,
      long elements,
      Optional<StateDescription> struct) {

    /**
     * @throws ArithmeticException if that is beyond every stream
     */
    public long bytes() {
      return Math.multiplyExact(elementBytes, elements);
    }
  }

  /**
   * Length in bytes of all fields and subsections.
   *
   * @throws ArithmeticException if that is beyond every stream; never of one that was parsed
   */
  public long bodyBytes() {
    long bytes = 0;
    for (Field field : fields) {
      bytes = Math.addExact(bytes, field.bytes());
    }
    for (StateDescription subsection : subsections) {
      bytes = Math.addExact(bytes, SUBSECTION_BYTES + subsection.name.getBytes(UTF_8).length);
      bytes = Math.addExact(bytes, subsection.bodyBytes());
    }
    return bytes;
  }
}
