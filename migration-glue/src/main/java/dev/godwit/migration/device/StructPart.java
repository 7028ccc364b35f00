package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;
import java.util.function.Function;

/** A structure, loaded into the object that is there. */
record StructPart<T, E>(String name, Nested<E> inside, Function<T, E> value) implements Part<T> {

  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    long start = into.out().offset();
    StateDescription described =
        inside
            .format()
            .saveBody(
                value.apply(state), into.out(), inside.version(into.version()), into.budget());
    long bytes = into.out().offset() - start;
    into.describe(new Field(name, "struct", bytes, 1, Optional.of(described)));
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException, GuestException {
    inside.format().loadBody(value.apply(state), from.in(), inside.version(from.version()));
  }

  @Override
  public Layout.Entry layout(long version) {
    Layout layout = inside.format().layout(inside.version(version));
    return new Layout.Entry(name, "struct", Count.fixed(1), Optional.of(layout));
  }

  @Override
  public Optional<Nested<?>> nested() {
    return Optional.of(inside);
  }
}
