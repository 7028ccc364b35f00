package dev.godwit.migration.device;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.LongUnaryOperator;
import java.util.function.ObjIntConsumer;
import java.util.function.ObjLongConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Declares a {@link StateFormat}, field by field in the order of the wire. What reads a field from
 * the state runs while it is saved, what sets it while it is loaded; that may refuse a value by an
 * {@link IllegalArgumentException}, whose message is a sentence.
 *
 * <p>A mistake in a declaration is an {@link IllegalArgumentException} at once.
 */
public final class FormatBuilder<T> {
  private static final int MAX_NAME_BYTES = 255;

  /** A description of more cannot be read. */
  private static final int MAX_DEPTH = 32;

  private static final long MAX_VERSION = 0xFFFF_FFFFL;

  private final String name;
  private final List<Declared<T>> parts = new ArrayList<>();
  private final List<Declared.Subsection<T>> subsections = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private final Map<String, Declared<T>> numbers = new HashMap<>();
  private long version = 1;
  private long oldest = -1;
  private long since;
  private @Nullable LongUnaryOperator inside;
  private SaveHook<? super T> preSave = state -> {};
  private LoadHook<? super T> postLoad = (state, loaded) -> {};

  FormatBuilder(String name) {
    if (name.length() > MAX_NAME_BYTES) {
      throw new IllegalArgumentException("A name of " + name.length() + " bytes is too long");
    }
    this.name = visible(name);
  }

  private static String visible(String name) {
    if (name.isEmpty() || !name.chars().allMatch(c -> c > ' ' && c < 0x7F)) {
      throw new IllegalArgumentException(
          "A name consists of visible ASCII characters, and not of \"" + name + "\"");
    }
    return name;
  }

  /** The version that this declares; 1 if it is not said. */
  public FormatBuilder<T> version(long newest) {
    version = newest;
    return this;
  }

  /** The oldest version that is read; the newest if it is not said. */
  public FormatBuilder<T> oldest(long oldest) {
    this.oldest = oldest;
    return this;
  }

  /** The next field, and no other, is there from this version on. */
  public FormatBuilder<T> since(long first) {
    since = first;
    return this;
  }

  /**
   * The structures of the next field, and of no other, have a version that follows from the one of
   * this format, since it is not on the wire. Where this is not said it is always their newest.
   */
  public FormatBuilder<T> inside(LongUnaryOperator versions) {
    inside = versions;
    return this;
  }

  public FormatBuilder<T> u8(String field, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return narrow(field, Primitive.U8, value, set);
  }

  public FormatBuilder<T> u16(String field, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return narrow(field, Primitive.U16, value, set);
  }

  public FormatBuilder<T> u32(String field, ToLongFunction<T> value, ObjLongConsumer<T> set) {
    return number(field, Primitive.U32, value, set);
  }

  /** The 64 bits as they are; what is above {@link Long#MAX_VALUE} is negative. */
  public FormatBuilder<T> u64(String field, ToLongFunction<T> value, ObjLongConsumer<T> set) {
    return number(field, Primitive.U64, value, set);
  }

  public FormatBuilder<T> i8(String field, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return narrow(field, Primitive.I8, value, set);
  }

  public FormatBuilder<T> i16(String field, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return narrow(field, Primitive.I16, value, set);
  }

  public FormatBuilder<T> i32(String field, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return narrow(field, Primitive.I32, value, set);
  }

  public FormatBuilder<T> i64(String field, ToLongFunction<T> value, ObjLongConsumer<T> set) {
    return number(field, Primitive.I64, value, set);
  }

  /** When a timer expires, in nanoseconds of the guest's clock; -1 if it is not set. */
  public FormatBuilder<T> timer(String field, ToLongFunction<T> value, ObjLongConsumer<T> set) {
    return number(field, Primitive.TIMER, value, set);
  }

  public FormatBuilder<T> bool(String field, Predicate<T> value, TruthSetter<T> set) {
    return number(field, Primitive.BOOL, s -> value.test(s) ? 1 : 0, (s, v) -> set.set(s, v != 0));
  }

  private FormatBuilder<T> narrow(
      String field, Primitive type, ToIntFunction<T> value, ObjIntConsumer<T> set) {
    return number(field, type, value::applyAsInt, (s, v) -> set.accept(s, (int) v));
  }

  /** A number of any type. */
  public FormatBuilder<T> number(
      String field, Primitive type, ToLongFunction<T> value, ObjLongConsumer<T> set) {
    return addNumber(field, type, value, set, false);
  }

  /** A number that is computed when the state is saved, and passed over when it is loaded. */
  public FormatBuilder<T> generated(String field, Primitive type, ToLongFunction<T> value) {
    return generated(field, type, value, (s, v) -> {});
  }

  /**
   * A number that is computed when the state is saved.
   *
   * @param check sees what was loaded, when all fields before it are; refuses it by an {@link
   *     IllegalArgumentException}
   */
  public FormatBuilder<T> generated(
      String field, Primitive type, ToLongFunction<T> value, ObjLongConsumer<T> check) {
    return addNumber(field, type, value, check, false);
  }

  /** A number that both sides have of themselves; a state with another one is not loaded. */
  public FormatBuilder<T> equal(String field, Primitive type, ToLongFunction<T> value) {
    return addNumber(field, type, value, (s, v) -> {}, true);
  }

  private FormatBuilder<T> addNumber(
      String field,
      Primitive type,
      ToLongFunction<T> value,
      ObjLongConsumer<T> set,
      boolean equal) {
    add(field, new NumberPart<>(parts.size(), field, type, value, set, equal));
    numbers.put(field, parts.getLast());
    return this;
  }

  /**
   * Bytes.
   *
   * @param length how many, always
   * @param value is not kept
   * @param set is given an array of its own
   */
  public FormatBuilder<T> bytes(
      String field, int length, Function<T, byte[]> value, BiConsumer<T, byte[]> set) {
    return add(field, new BytesPart<>(field, Count.fixed(positive(field, length)), value, set));
  }

  /**
   * As many bytes as another field says.
   *
   * @param count name of an earlier number
   * @param most that there can be
   */
  public FormatBuilder<T> variableBytes(
      String field, String count, int most, Function<T, byte[]> value, BiConsumer<T, byte[]> set) {
    return add(field, new BytesPart<>(field, counted(field, count, most), value, set));
  }

  /** Where an old version had a field: zeroes that nobody reads. */
  public FormatBuilder<T> unused(int length) {
    return add(new UnusedPart<>(positive("unused", length)));
  }

  /** Always as many numbers. */
  public FormatBuilder<T> array(
      String field, int length, Primitive type, NumberAt<T> value, NumberInto<T> set) {
    Count count = Count.fixed(positive(field, length));
    return add(field, new ArrayPart<>(field, count, type, value, set));
  }

  /**
   * As many numbers as another field says.
   *
   * @param count name of an earlier number
   * @param most that there can be
   */
  public FormatBuilder<T> variableArray(
      String field, String count, int most, Primitive type, NumberAt<T> value, NumberInto<T> set) {
    return add(field, new ArrayPart<>(field, counted(field, count, most), type, value, set));
  }

  /** A structure; {@code value} has one, which is loaded into. */
  public <E> FormatBuilder<T> struct(String field, StateFormat<E> format, Function<T, E> value) {
    return add(field, new StructPart<>(field, nested(format), value));
  }

  /** Always as many structures; {@code value} has so many, which are loaded into. */
  public <E> FormatBuilder<T> arrayOf(
      String field, int length, StateFormat<E> format, Function<T, List<E>> value) {
    Count count = Count.fixed(positive(field, length));
    return add(field, new ArrayOfPart<>(field, count, nested(format), value, Optional.empty()));
  }

  /**
   * As many structures as another field says.
   *
   * @param count name of an earlier number
   * @param most that there can be
   * @param value is emptied and filled when it is loaded
   * @param blank makes what is loaded into
   */
  public <E> FormatBuilder<T> arrayOf(
      String field,
      String count,
      int most,
      StateFormat<E> format,
      Function<T, List<E>> value,
      Supplier<E> blank) {
    Count counted = counted(field, count, most);
    return add(field, new ArrayOfPart<>(field, counted, nested(format), value, Optional.of(blank)));
  }

  /**
   * A list, with a mark before each entry and one at its end. Lists may hold lists.
   *
   * @param most entries that there can be
   * @param value is emptied and filled when it is loaded
   * @param blank makes what is loaded into
   */
  public <E> FormatBuilder<T> list(
      String field,
      int most,
      StateFormat<E> format,
      Function<T, ? extends Collection<E>> value,
      Supplier<E> blank) {
    return add(field, new ListPart<>(field, positive(field, most), nested(format), value, blank));
  }

  /**
   * Part of the state that travels only where it is needed, so that a reader which does not know it
   * takes all states that do without.
   *
   * @param format of the same state; its name begins with the name of this one
   */
  public FormatBuilder<T> subsection(StateFormat<T> format, Predicate<T> needed) {
    requireNoModifier();
    if (!format.name().startsWith(name) || format.name().length() == name.length()) {
      throw wrong("cannot have a subsection " + format.name() + ", which is named otherwise");
    }
    subsections.add(new Declared.Subsection<>(format, needed));
    return this;
  }

  /** Runs before the first field is saved. */
  public FormatBuilder<T> preSave(SaveHook<? super T> hook) {
    preSave = hook;
    return this;
  }

  /** Runs when all fields and subsections are loaded. */
  public FormatBuilder<T> postLoad(LoadHook<? super T> hook) {
    postLoad = hook;
    return this;
  }

  public StateFormat<T> build() {
    requireNoModifier();
    if (oldest < 0) {
      oldest = version;
    }
    if (version < 0 || version > MAX_VERSION || oldest > version) {
      throw wrong("cannot have versions " + oldest + " to " + version);
    }
    for (Declared<T> declared : parts) {
      if (declared.since() > version) {
        throw wrong("has a field since version " + declared.since() + ", which is yet to come");
      }
      declared.part().nested().ifPresent(this::requireVersions);
    }
    requireDistinct();
    StateFormat<T> format =
        new StateFormat<>(name, version, oldest, parts, subsections, preSave, postLoad);
    if (format.depth() > MAX_DEPTH) {
      throw wrong("has too many structures inside each other");
    }
    return format;
  }

  private void requireVersions(Nested<?> nested) {
    try {
      nested.version(oldest);
      nested.version(version);
    } catch (IllegalStateException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** A reader goes by the beginning of a name, so none may begin as another that is near it. */
  private void requireDistinct() {
    List<String> before = new ArrayList<>();
    for (Declared<T> declared : parts) {
      if (!(declared.part() instanceof ListPart)) {
        declared.part().nested().ifPresent(nested -> before.addAll(nested.format().tails()));
      }
    }
    for (Declared.Subsection<T> subsection : subsections) {
      before.addAll(subsection.format().tails());
    }
    for (Declared.Subsection<T> subsection : subsections) {
      String wanted = subsection.format().name();
      boolean own = false;
      for (String other : before) {
        if (other.equals(wanted) && !own) {
          own = true;
        } else if (wanted.startsWith(other)) {
          throw wrong("has a subsection " + wanted + " that could be one of " + other);
        }
      }
    }
  }

  private FormatBuilder<T> add(String field, Part<T> part) {
    if (visible(field).indexOf('[') >= 0 || !names.add(field)) {
      throw wrong("cannot have a field " + field + ", or has it already");
    }
    return add(part);
  }

  private FormatBuilder<T> add(Part<T> part) {
    parts.add(new Declared<>(part, since));
    since = 0;
    requireNoModifier();
    return this;
  }

  private void requireNoModifier() {
    if (since != 0) {
      throw wrong("has nothing after since(" + since + ") that it could be about");
    }
    if (inside != null) {
      throw wrong("has nothing after inside(…) that it could be about");
    }
  }

  private <E> Nested<E> nested(StateFormat<E> format) {
    LongUnaryOperator versions = inside == null ? outer -> format.version() : inside;
    inside = null;
    return new Nested<>(format, versions);
  }

  private Count counted(String field, String count, int most) {
    Declared<T> number = numbers.get(count);
    if (number == null) {
      throw wrong("has no number " + count + " before " + field);
    }
    if (number.since() > since) {
      throw wrong("has " + count + " later than " + field);
    }
    return new Count(positive(field, most), parts.indexOf(number), count);
  }

  private int positive(String field, int number) {
    if (number < 1) {
      throw wrong("cannot have " + number + " of " + field);
    }
    return number;
  }

  private IllegalArgumentException wrong(String sentence) {
    return new IllegalArgumentException("State " + name + " " + sentence);
  }
}
