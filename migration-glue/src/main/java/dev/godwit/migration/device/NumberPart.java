package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;
import java.util.function.ObjLongConsumer;
import java.util.function.ToLongFunction;

/** A number. */
final class NumberPart<T> implements Part<T> {
  private final int number;
  private final String name;
  private final Primitive type;
  private final ToLongFunction<T> value;
  private final ObjLongConsumer<T> set;
  private final boolean equal;
  private final Field described;

  /**
   * @param number of the part in its format
   * @param equal whether the reader's own value has to be the same, rather than be set
   */
  NumberPart(
      int number,
      String name,
      Primitive type,
      ToLongFunction<T> value,
      ObjLongConsumer<T> set,
      boolean equal) {
    this.number = number;
    this.name = name;
    this.type = type;
    this.value = value;
    this.set = set;
    this.equal = equal;
    this.described = new Field(name, word(), type.bytes(), 1, Optional.empty());
  }

  private String word() {
    return equal ? type.word() + " equal" : type.word();
  }

  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    long saved = value.applyAsLong(state);
    into.write(name, type, saved);
    into.number(number, saved);
    into.describe(described);
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException {
    long start = from.in().offset();
    long loaded = from.read(name, type);
    from.number(number, start, loaded);
    if (equal) {
      requireOwn(value.applyAsLong(state), loaded, start, from);
      return;
    }
    try {
      set.accept(state, loaded);
    } catch (IllegalArgumentException e) {
      throw from.refused(start, name, e);
    }
  }

  private void requireOwn(long own, long loaded, long start, Loading from) throws StreamException {
    if (own != loaded) {
      throw from.in()
          .mismatched(
              start,
              "Field %s of %s is %s there and %s here"
                  .formatted(name, from.format(), type.text(loaded), type.text(own)));
    }
  }

  @Override
  public Layout.Entry layout(long version) {
    return new Layout.Entry(name, word(), Count.fixed(1), Optional.empty());
  }
}
