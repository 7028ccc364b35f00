package dev.godwit.channel.ram;

import static dev.godwit.channel.ram.RamDialect.ANY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.support.Ends;
import dev.godwit.transport.support.SilentEnds;
import dev.godwit.transport.testkit.Seed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever is sent arrives, with every set of encodings, over channels that carry pages inline,
 * place them at random and say so, or place them at random and say nothing; and to readers that
 * come late.
 */
final class RamTransferTest {
  private static final int SETS = 8;

  @ParameterizedTest
  @ValueSource(strings = {"placement=inline", "placement=inline&buffer=777", "placement=direct"})
  void memoryArrivesInAnyMixOfRecords(String settings) throws Exception {
    Seed seed = Seed.of("RamTransferTest " + settings);
    Map<String, Long> total = new LinkedHashMap<>();
    for (int round = 0; round < 2 * SETS; round++) {
      Random random = seed.random(round);
      String direct = settings.endsWith("direct") ? "&seed=" + random.nextInt() : "";
      try (XbzrleCache cache = new XbzrleCache((100 + random.nextInt(300)) * 4108L, 4096);
          Ends ends = Ends.open(settings + direct)) {
        List<PageEncoding> set = set(round % SETS, random, cache);
        new RamTransfer(random, ANY, set, 5, false)
            .run(late(ends, random))
            .forEach((name, pages) -> total.merge(name, pages, Long::sum));
      }
    }
    assertThat(total).hasSize(4).allSatisfy((name, pages) -> assertThat(pages).isPositive());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void memoryArrivesWithoutAnyRecord(boolean flushMarks) throws Exception {
    Seed seed = Seed.of("RamTransferTest, silent, flush marks " + flushMarks);
    for (int round = 0; round < SETS; round++) {
      Random random = seed.random(round);
      try (Ends direct = Ends.open("placement=direct&seed=" + random.nextInt())) {
        Ends silent = SilentEnds.over(direct, random);
        new RamTransfer(random, ANY, List.of(new PlainEncoding()), 5, flushMarks)
            .run(late(silent, random));
      }
    }
  }

  private static Ends late(Ends ends, Random random) {
    return new Ends(ends.dialled(), new Dawdling(ends.accepted(), new Random(random.nextLong())));
  }

  /** Plain, and the others by a bit of {@code number} each. */
  private static List<PageEncoding> set(int number, Random random, XbzrleCache cache) {
    List<PageEncoding> set = new ArrayList<>(List.of(new PlainEncoding()));
    if ((number & 1) != 0) {
      set.add(new ZeroEncoding());
    }
    if ((number & 2) != 0) {
      set.add(new XbzrleEncoding(cache));
    }
    if ((number & 4) != 0) {
      set.add(new CompressEncoding(random.nextInt(10)));
    }
    return set;
  }
}
