package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A list of structures, in QEMU's words a QTAILQ.
 *
 * <pre>
 *   0  u8   0x01
 *   1       entry
 *   …       as often as there are entries
 *   n  u8   0x00
 * </pre>
 */
record ListPart<T, E>(
    String name,
    int most,
    Nested<E> inside,
    Function<T, ? extends Collection<E>> value,
    Supplier<E> blank)
    implements Part<T> {
  private static final String TYPE = "qtailq";
  private static final int ENTRY = 0x01;
  private static final int END = 0x00;

  @Override
  public void save(T state, Saving into) throws ChannelException, GuestException {
    Collection<E> all = value.apply(state);
    if (all.size() > most) {
      throw into.unfit(
          "List %s of %s has %d entries, and may have %d"
              .formatted(name, into.format(), all.size(), most));
    }
    long listStart = into.out().offset();
    long version = inside.version(into.version());
    Elements entries = new Elements("entry", into.budget());
    for (E entry : all) {
      long start = into.out().offset();
      into.out().u8(ENTRY);
      StateDescription described =
          inside.format().saveBody(entry, into.out(), version, into.budget());
      entries.add(marked(described), into.out().offset() - start);
    }
    into.out().u8(END);
    List<Field> fields = new ArrayList<>(entries.fields());
    fields.add(mark("end"));
    StateDescription list = new StateDescription(name, version, fields, List.of());
    into.describe(new Field(name, TYPE, into.out().offset() - listStart, 1, Optional.of(list)));
  }

  /** An entry with the mark before it. */
  private static StateDescription marked(StateDescription entry) {
    List<Field> fields = new ArrayList<>();
    fields.add(mark("more"));
    fields.addAll(entry.fields());
    return new StateDescription(entry.name(), entry.version(), fields, entry.subsections());
  }

  private static Field mark(String name) {
    return new Field(name, Primitive.BOOL.word(), Primitive.BOOL.bytes(), 1, Optional.empty());
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException, GuestException {
    Collection<E> all = value.apply(state);
    all.clear();
    long version = inside.version(from.version());
    for (int count = 0; more(from, count); count++) {
      E entry = blank.get();
      inside.format().loadBody(entry, from.in(), version);
      all.add(entry);
    }
  }

  private boolean more(Loading from, int count) throws ChannelException, StreamException {
    StreamInput in = from.in();
    long start = in.offset();
    int mark = in.u8();
    if (mark != ENTRY && mark != END) {
      throw in.malformed(
          start,
          "An entry of list %s of %s is marked 0x%02X instead of 0x01 or 0x00"
              .formatted(name, from.format(), mark));
    }
    if (mark == ENTRY && count == most) {
      throw in.malformed(
          start, "List %s of %s has more than %d entries".formatted(name, from.format(), most));
    }
    return mark == ENTRY;
  }

  @Override
  public Layout.Entry layout(long version) {
    Layout layout = inside.format().layout(inside.version(version));
    return new Layout.Entry(name, TYPE, new Count(most, 0, "marks"), Optional.of(layout));
  }

  @Override
  public Optional<Nested<?>> nested() {
    return Optional.of(inside);
  }
}
