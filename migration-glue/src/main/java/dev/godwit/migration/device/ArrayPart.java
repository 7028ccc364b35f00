package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;

/** An array of numbers. */
record ArrayPart<T>(String name, Count count, Primitive type, NumberAt<T> value, NumberInto<T> set)
    implements Part<T> {

  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    int elements = count.saved(name, into);
    for (int i = 0; i < elements; i++) {
      into.write(name, type, value.at(state, i));
    }
    if (elements > 0) {
      into.describe(new Field(name, type.word(), type.bytes(), elements, Optional.empty()));
    }
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException {
    int elements = count.loaded(name, from);
    for (int i = 0; i < elements; i++) {
      long start = from.in().offset();
      long loaded = from.read(name, type);
      try {
        set.set(state, i, loaded);
      } catch (IllegalArgumentException e) {
        throw from.refused(start, name, e);
      }
    }
  }

  @Override
  public Layout.Entry layout(long version) {
    return new Layout.Entry(name, type.word(), count, Optional.empty());
  }
}
