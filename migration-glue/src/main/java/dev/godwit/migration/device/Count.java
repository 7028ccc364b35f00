package dev.godwit.migration.device;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;

/**
 * How many elements an array has: always as many, or as an earlier field says.
 *
 * @param most how many there can be; just so many where there is no field
 * @param field number of the field that says how many, -1 if none does
 * @param fieldName empty if none does
 */
record Count(int most, int field, String fieldName) {

  static Count fixed(int count) {
    return new Count(count, -1, "");
  }

  /** How many there are to be saved. */
  int saved(String name, Saving into) throws GuestException {
    long count = field < 0 ? most : into.number(field);
    if (count < 0 || count > most) {
      throw into.unfit(
          "Array %s of %s has %d elements, and may have %d"
              .formatted(name, into.format(), count, most));
    }
    return (int) count;
  }

  /** How many there are to be saved, which has to be {@code found}. */
  int saved(String name, Saving into, int found) throws GuestException {
    int count = saved(name, into);
    if (count != found) {
      throw into.unfit(
          "Array %s of %s has %d elements instead of %d"
              .formatted(name, into.format(), found, count));
    }
    return count;
  }

  /** How many there are to be loaded. */
  int loaded(String name, Loading from) throws StreamException {
    long count = field < 0 ? most : from.number(field);
    if (count < 0 || count > most) {
      throw from.malformedNumber(
          field,
          "Array %s of %s cannot have %s elements, only %d"
              .formatted(name, from.format(), Long.toUnsignedString(count), most));
    }
    return (int) count;
  }

  /** As a layout has it. */
  String text() {
    return field < 0 ? Integer.toString(most) : fieldName;
  }
}
