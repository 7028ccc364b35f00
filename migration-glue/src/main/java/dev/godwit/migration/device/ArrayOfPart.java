package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * An array of structures.
 *
 * @param blank makes the objects that are loaded into; where there is none, those are there
 */
record ArrayOfPart<T, E>(
    String name,
    Count count,
    Nested<E> inside,
    Function<T, List<E>> value,
    Optional<Supplier<E>> blank)
    implements Part<T> {

  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    List<E> all = value.apply(state);
    count.saved(name, into, all.size());
    long version = inside.version(into.version());
    Elements elements = new Elements(name, into.budget());
    for (E element : all) {
      long start = into.out().offset();
      StateDescription described =
          inside.format().saveBody(element, into.out(), version, into.budget());
      elements.add(described, into.out().offset() - start);
    }
    elements.fields().forEach(into::describe);
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException, GuestException {
    int elements = count.loaded(name, from);
    List<E> all = value.apply(state);
    long version = inside.version(from.version());
    if (blank.isEmpty()) {
      if (all.size() != elements) {
        throw new GuestException(
            "Array %s of %s has %d elements instead of %d"
                .formatted(name, from.format(), all.size(), elements));
      }
      for (E element : all) {
        inside.format().loadBody(element, from.in(), version);
      }
      return;
    }
    all.clear();
    for (int i = 0; i < elements; i++) {
      E element = blank.get().get();
      inside.format().loadBody(element, from.in(), version);
      all.add(element);
    }
  }

  @Override
  public Layout.Entry layout(long version) {
    Layout layout = inside.format().layout(inside.version(version));
    return new Layout.Entry(name, "struct", count, Optional.of(layout));
  }

  @Override
  public Optional<Nested<?>> nested() {
    return Optional.of(inside);
  }
}
