package dev.godwit.migration.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

final class FormatBuilderTest {
  private static FormatBuilder<long[]> format(String name) {
    return StateFormat.named(name);
  }

  private static FormatBuilder<long[]> one(FormatBuilder<long[]> builder, String field) {
    return builder.u64(field, s -> s[0], (s, v) -> s[0] = v);
  }

  private static void wrong(ThrowingCallable declaring, String sentence) {
    assertThatThrownBy(declaring).isInstanceOf(IllegalArgumentException.class).hasMessage(sentence);
  }

  @Test
  void readsOnlyItsOwnVersionUnlessItIsSaid() {
    assertThat(format("s").version(4).build().oldest()).isEqualTo(4);
    assertThat(format("s").version(4).oldest(0).build().oldest()).isZero();
    wrong(() -> format("s").version(1).oldest(2).build(), "State s cannot have versions 2 to 1");
    wrong(
        () -> format("s").version(1L << 32).build(),
        "State s cannot have versions 4294967296 to 4294967296");
  }

  @Test
  void refusesNamesThatTheWireCannotCarry() {
    wrong(() -> format(""), "A name consists of visible ASCII characters, and not of \"\"");
    wrong(() -> format("a b"), "A name consists of visible ASCII characters, and not of \"a b\"");
    wrong(() -> format("x".repeat(256)), "A name of 256 bytes is too long");
    assertThat(format("x".repeat(255)).build().name()).hasSize(255);
    wrong(() -> one(format("s"), "f[0]"), "State s cannot have a field f[0], or has it already");
    wrong(
        () -> one(one(format("s"), "f"), "f"), "State s cannot have a field f, or has it already");
  }

  @Test
  void aModifierIsAboutTheNextField() {
    StateFormat<long[]> two = one(one(format("s").version(2).oldest(1).since(2), "a"), "b").build();
    assertThat(two.layout(1).entries()).extracting(Layout.Entry::name).containsExactly("b");
    wrong(
        () -> one(format("s").since(2), "a").build(),
        "State s has a field since version 2, which is yet to come");
    wrong(
        () -> format("s").version(2).since(2).build(),
        "State s has nothing after since(2) that it could be about");
    wrong(
        () -> one(format("s").inside(v -> v), "a"),
        "State s has nothing after inside(…) that it could be about");
  }

  @Test
  void aCountStandsBeforeWhatItCounts() {
    wrong(
        () ->
            one(format("s"), "n")
                .variableArray("a", "m", 1, Primitive.U8, (s, i) -> 0, (s, i, v) -> {}),
        "State s has no number m before a");
    wrong(
        () ->
            one(format("s").version(2).oldest(1).since(2), "n")
                .variableArray("a", "n", 1, Primitive.U8, (s, i) -> 0, (s, i, v) -> {}),
        "State s has n later than a");
    wrong(() -> format("s").unused(0), "State s cannot have 0 of unused");
  }

  @Test
  void aSubsectionIsToldByItsName() {
    wrong(
        () -> format("s").subsection(format("t/x").build(), s -> true),
        "State s cannot have a subsection t/x, which is named otherwise");
    wrong(
        () -> format("s").subsection(format("s").build(), s -> true),
        "State s cannot have a subsection s, which is named otherwise");
    wrong(
        () ->
            format("s")
                .subsection(format("s/x").build(), s -> true)
                .subsection(format("s/xy").build(), s -> true)
                .build(),
        "State s has a subsection s/xy that could be one of s/x");
    wrong(
        () ->
            format("s")
                .subsection(format("s/x").build(), s -> true)
                .subsection(format("s/x").build(), s -> true)
                .build(),
        "State s has a subsection s/x that could be one of s/x");
    wrong(
        () ->
            format("clock")
                .struct("c", one(format("cl"), "f").build(), s -> s)
                .subsection(format("clock/x").build(), s -> true)
                .build(),
        "State clock has a subsection clock/x that could be one of cl");
  }

  @Test
  void whatIsInsideHasAVersionForEachAround() {
    StateFormat<long[]> inside = one(format("in"), "f").build();
    wrong(
        () -> format("s").version(2).oldest(1).inside(v -> v).struct("x", inside, s -> s).build(),
        "Structure in has no version 2, which version 2 around it asks for");
  }

  @Test
  void aDescriptionOfItCanBeRead() {
    StateFormat<long[]> deepest = one(format("d"), "f").build();
    for (int i = 0; i < 15; i++) {
      deepest = format("d" + i).struct("inside", deepest, s -> s).build();
    }
    assertThat(deepest.depth()).isEqualTo(31);
    StateFormat<long[]> deep = deepest;
    wrong(
        () -> format("s").struct("inside", deep, s -> s).build(),
        "State s has too many structures inside each other");
  }

  @Test
  void tellsItsLayout() {
    assertThat(Clock.Alarm.FORMAT.describe())
        .isEqualTo(
            """
            alarm version 3
              at timer
              bells qtailq x marks up to 8
                bell version 1
                  tone uint8
              subsection alarm/loud version 1
                loudness uint8
            """);
    StateFormat<List<Long>> numbers =
        StateFormat.<List<Long>>named("numbers")
            .equal("n", Primitive.U8, List::size)
            .variableArray("all", "n", 9, Primitive.I32, List::get, (s, i, v) -> s.set(i, v))
            .unused(3)
            .array("pair", 2, Primitive.BOOL, List::get, (s, i, v) -> s.set(i, v))
            .build();
    assertThat(numbers.describe())
        .isEqualTo(
            """
            numbers version 1
              n uint8 equal
              all int32 x n up to 9
              unused unused_buffer x 3
              pair bool x 2
            """);
  }
}
