package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.godwit.channel.ram.EncodingRules.Pair;
import dev.godwit.channel.ram.PageEncoding.Surroundings;
import dev.godwit.transport.testkit.Seed;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table, and that each of its valid pairs works. */
final class EncodingRulesTest {

  /** Silent placement and whole pages have tests of their own. */
  static Stream<Pair> validPairs() {
    return EncodingRules.table().stream()
        .filter(pair -> pair.refusal().isEmpty())
        .filter(pair -> pair.surroundings() != Surroundings.SILENT_PLACEMENT)
        .filter(pair -> pair.surroundings() != Surroundings.WHOLE_PAGES);
  }

  static Stream<List<PageEncoding>> twoEncodings() {
    List<PageEncoding> all = PageEncodings.all();
    List<List<PageEncoding>> pairs = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      for (int j = 0; j < i; j++) {
        pairs.add(List.of(all.get(i), all.get(j)));
      }
    }
    return pairs.stream();
  }

  @ParameterizedTest
  @MethodSource("validPairs")
  void eachValidPairWorks(Pair pair) throws Exception {
    RamDialect dialect =
        switch (pair.surroundings()) {
          case READER_7_2 -> RamDialect.QEMU_7_2;
          case READER_10_0, MULTIFD -> RamDialect.QEMU_10_0;
          default -> RamDialect.ANY;
        };
    int passes = pair.surroundings() == Surroundings.BACKGROUND_SNAPSHOT ? 1 : 4;
    boolean direct = pair.surroundings() == Surroundings.RECORDED_PLACEMENT;
    Seed seed = Seed.of("EncodingRulesTest " + pair);
    Map<String, Long> pages =
        new RamTransfer(
                seed.random(),
                dialect,
                withPlain(List.of(pair.encoding())),
                passes,
                pair.surroundings() == Surroundings.MULTIFD)
            .run(direct ? "placement=direct&seed=" + seed.value() : "placement=inline");
    assertThat(pages.get(pair.encoding().name())).isPositive();
  }

  @ParameterizedTest
  @MethodSource("twoEncodings")
  void anyTwoEncodingsGoTogether(List<PageEncoding> two) throws Exception {
    Seed seed = Seed.of("EncodingRulesTest two");
    Map<String, Long> pages =
        new RamTransfer(seed.random(), RamDialect.QEMU_7_2, withPlain(two), 4, false)
            .run("placement=inline");
    assertThat(two).allSatisfy(one -> assertThat(pages.get(one.name())).isPositive());
  }

  private static List<PageEncoding> withPlain(List<PageEncoding> some) {
    List<PageEncoding> all = new ArrayList<>(some);
    if (some.stream().noneMatch(PlainEncoding.class::isInstance)) {
      all.add(new PlainEncoding());
    }
    return all;
  }

  @Test
  void saysWhyNot() {
    assertThat(
            EncodingRules.refusals(
                PageEncodings.all(),
                EnumSet.of(Surroundings.READER_10_0, Surroundings.BACKGROUND_SNAPSHOT)))
        .containsExactly(
            "xbzrle with BACKGROUND_SNAPSHOT cannot be: No page is sent twice, so there is no"
                + " delta",
            "compress with READER_10_0 cannot be: QEMU reads no compressed pages since 9.1",
            "compress with BACKGROUND_SNAPSHOT cannot be: QEMU refuses it");
    assertThat(EncodingRules.refusals(PageEncodings.usual(), EnumSet.of(Surroundings.READER_7_2)))
        .isEmpty();
    assertThat(EncodingRules.table()).hasSize(4 * 8);
    assertThat(EncodingRules.table().stream().filter(pair -> pair.refusal().isEmpty())).hasSize(18);
  }

  @Test
  void plainEndsEveryList() {
    List<PageEncoding> all = PageEncodings.all();
    assertThat(PageEncodings.inOrder(all.reversed())).isEqualTo(all);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PageEncodings.inOrder(List.of(new ZeroEncoding())));
    assertThat(all.stream().map(PageEncoding::flag)).doesNotHaveDuplicates();
  }
}
