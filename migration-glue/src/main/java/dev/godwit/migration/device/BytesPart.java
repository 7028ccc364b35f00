package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;

/** Bytes of which a description says no more. */
record BytesPart<T>(String name, Count count, Function<T, byte[]> value, BiConsumer<T, byte[]> set)
    implements Part<T> {
  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    byte[] bytes = value.apply(state);
    count.saved(name, into, bytes.length);
    into.out().bytes(bytes);
    if (bytes.length > 0) {
      into.describe(new Field(name, Layout.BUFFER, bytes.length, 1, Optional.empty()));
    }
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException {
    long start = from.in().offset();
    byte[] bytes = from.bytes(count.loaded(name, from));
    try {
      set.accept(state, bytes);
    } catch (IllegalArgumentException e) {
      throw from.refused(start, name, e);
    }
  }

  @Override
  public Layout.Entry layout(long version) {
    return new Layout.Entry(name, Layout.BUFFER, count, Optional.empty());
  }
}
