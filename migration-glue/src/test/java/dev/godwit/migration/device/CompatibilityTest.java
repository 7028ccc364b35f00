package dev.godwit.migration.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

final class CompatibilityTest {
  private static final StateFormat<long[]> OLD =
      declare(b -> b.u32("a", s -> s[0], (s, v) -> s[0] = v).u16("b", s -> 0, (s, v) -> {}));

  private static StateFormat<long[]> declare(UnaryOperator<FormatBuilder<long[]>> fields) {
    return fields.apply(StateFormat.<long[]>named("s")).build();
  }

  private static StateFormat<long[]> second(UnaryOperator<FormatBuilder<long[]>> fields) {
    return declare(b -> fields.apply(b.version(2).oldest(1)));
  }

  private static FormatBuilder<long[]> a(FormatBuilder<long[]> builder) {
    return builder.u32("a", s -> s[0], (s, v) -> s[0] = v);
  }

  private static FormatBuilder<long[]> b(FormatBuilder<long[]> builder) {
    return builder.u16("b", s -> 0, (s, v) -> {});
  }

  private static StateFormat<long[]> subsection(String name, long version, long oldest) {
    return a(StateFormat.<long[]>named(name).version(version).oldest(oldest)).build();
  }

  @Test
  void whatIsTheSameFits() {
    assertFits(OLD, OLD);
    assertFits(Clock.FORMAT, Clock.FORMAT);
  }

  private static void assertFits(StateFormat<?> old, StateFormat<?> now) {
    Compatibility compatibility = Compatibility.of(old, now);
    assertThat(compatibility.forward()).isEmpty();
    assertThat(compatibility.backward()).isEmpty();
  }

  @Test
  void aFieldSinceANewVersionFits() throws Exception {
    StateFormat<long[]> now = second(x -> b(a(x).since(2).u64("c", s -> s[1], (s, v) -> s[1] = v)));
    assertFits(OLD, now);
    long[] loaded = {0, 5};
    Bytes.load(now, loaded, Bytes.save(OLD, new long[] {7, 0}), 1);
    assertThat(loaded).containsExactly(7, 5);
    assertThat(Bytes.saved(now, loaded, 1).bytes()).isEqualTo(Bytes.save(OLD, loaded));
  }

  @Test
  void aFieldWithoutANewVersionIsNamed() {
    Compatibility added =
        Compatibility.of(OLD, declare(x -> b(a(x)).u8("c", s -> 0, (s, v) -> {})));
    assertThat(added.forward()).containsExactly("Field c of s version 1 is loaded and not saved");
    assertThat(added.backward()).containsExactly("Field c of s version 1 is saved and not loaded");
    assertThat(Compatibility.of(OLD, declare(CompatibilityTest::a)).forward())
        .containsExactly("Field b of s version 1 is saved and not loaded");
    assertThat(Compatibility.of(OLD, declare(x -> a(b(x)))).forward())
        .containsExactly("Fields of s version 1 are saved in another order than they are loaded");
    assertThat(Compatibility.of(OLD, declare(x -> a(x).u32("b", s -> 0, (s, v) -> {}))).forward())
        .containsExactly("Field b of s version 1 is saved as uint16 and loaded as uint32");
  }

  @Test
  void versionsThatDoNotMeetAreNamed() {
    StateFormat<long[]> third = declare(x -> b(a(x.version(3).oldest(2))));
    assertThat(Compatibility.of(OLD, third).forward())
        .containsExactly("State s was in version 1, and is in 2 to 3 now");
    assertThat(Compatibility.of(third, OLD).backward())
        .containsExactly("State s was in version 3, and is in 1 to 1 now");
  }

  @Test
  void whatIsUnusedNowFits() {
    assertFits(OLD, declare(x -> a(x).unused(2)));
    assertFits(OLD, declare(x -> b(x.unused(4))));
    assertThat(Compatibility.of(OLD, declare(x -> a(x).unused(3))).forward())
        .containsExactly(
            "Field b of s version 1 is saved and not loaded",
            "Field unused of s version 1 is loaded and not saved");
  }

  @Test
  void aNewSubsectionDoesNotGoBack() {
    StateFormat<long[]> now =
        declare(x -> b(a(x)).subsection(subsection("s/x", 1, 1), s -> s[0] > 0));
    Compatibility compatibility = Compatibility.of(OLD, now);
    assertThat(compatibility.forward()).isEmpty();
    assertThat(compatibility.backward()).containsExactly("Subsection s/x is saved and not known");
    assertThat(Compatibility.of(now, OLD).forward())
        .containsExactly("Subsection s/x is saved and not known");
  }

  @Test
  void aSubsectionHasItsOwnVersions() {
    StateFormat<long[]> one = declare(x -> x.subsection(subsection("s/x", 1, 1), s -> true));
    StateFormat<long[]> two = declare(x -> x.subsection(subsection("s/x", 2, 1), s -> true));
    Compatibility compatibility = Compatibility.of(one, two);
    assertThat(compatibility.forward()).isEmpty();
    assertThat(compatibility.backward())
        .containsExactly("Subsection s/x is saved in version 2, and loaded in 1 to 1");
  }

  @Test
  void fewerElementsThanBeforeAreNamed() {
    StateFormat<long[]> nine = listing(9, Clock.Hand.FORMAT);
    StateFormat<long[]> eight = listing(8, Clock.Hand.FORMAT);
    Compatibility compatibility = Compatibility.of(nine, eight);
    assertThat(compatibility.forward())
        .containsExactly(
            "Field l of s version 1 has up to 9 elements, of which up to 8 are loaded");
    assertThat(compatibility.backward()).isEmpty();
  }

  @Test
  void whatIsInsideIsCompared() {
    StateFormat<Clock.Hand> shorter =
        StateFormat.<Clock.Hand>named("hand").u16("angle", h -> 0, (h, v) -> {}).build();
    assertThat(Compatibility.of(listing(9, shorter), listing(9, Clock.Hand.FORMAT)).forward())
        .containsExactly("Field bent of hand version 1 is loaded and not saved");
  }

  private static StateFormat<long[]> listing(int most, StateFormat<Clock.Hand> inside) {
    return declare(x -> x.list("l", most, inside, s -> new ArrayList<>(), Clock.Hand::new));
  }
}
