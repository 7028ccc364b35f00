package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.List;

/** One structure that is being saved: what was written of it so far. */
final class Saving {
  /** Elements that are described one by one, in all of one state; more are told as bytes. */
  private static final int MAX_LISTED = 10_000;

  /** What all structures of one state share. */
  static final class Budget {
    private int left = MAX_LISTED;

    boolean take() {
      return --left >= 0;
    }
  }

  private final StreamOutput out;
  private final String format;
  private final long version;
  private final long[] numbers;
  private final Budget budget;
  private final List<StateDescription.Field> fields = new ArrayList<>();

  Saving(StreamOutput out, String format, long version, int parts, Budget budget) {
    this.out = out;
    this.format = format;
    this.version = version;
    this.numbers = new long[parts];
    this.budget = budget;
  }

  StreamOutput out() {
    return out;
  }

  /** Name of the format, for messages. */
  String format() {
    return format;
  }

  long version() {
    return version;
  }

  Budget budget() {
    return budget;
  }

  /** Remembers a number, since an array may have so many elements. */
  void number(int part, long value) {
    numbers[part] = value;
  }

  long number(int part) {
    return numbers[part];
  }

  void describe(StateDescription.Field field) {
    fields.add(field);
  }

  List<StateDescription.Field> fields() {
    return fields;
  }

  /** The state has something that its format cannot say. */
  GuestException unfit(String sentence) {
    return new GuestException(sentence);
  }

  /**
   * @throws GuestException if {@code type} cannot say {@code value}
   */
  void write(String name, Primitive type, long value) throws ChannelException, GuestException {
    if (!type.holds(value)) {
      throw unfit(
          "Field %s of %s is %d, which is no %s".formatted(name, format, value, type.word()));
    }
    type.write(out, value);
  }
}
