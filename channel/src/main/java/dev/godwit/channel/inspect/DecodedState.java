package dev.godwit.channel.inspect;

import java.util.List;
import java.util.Optional;

/**
 * A device's state, or a structure in it, with its values.
 *
 * @param layout name of the layout, such as {@code pit channel}
 * @param fields in their order; a name may come twice
 * @param subsections in their order
 */
public record DecodedState(
    String layout, long version, List<Field> fields, List<DecodedState> subsections) {

  public DecodedState {
    fields = List.copyOf(fields);
    subsections = List.copyOf(subsections);
  }

  /**
   * One field. Fields that were listed one by one, as {@code bus[0]}, {@code bus[1]}, are one field
   * {@code bus} with a list.
   *
   * @param type QEMU's word for it; of a list that of its elements
   * @param offset in the device's state
   */
  public record Field(String name, String type, long offset, Value value) {}

  /** The first field of that name. */
  public Optional<Value> value(String name) {
    return fields.stream().filter(f -> f.name.equals(name)).map(Field::value).findFirst();
  }
}
