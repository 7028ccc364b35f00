package dev.godwit.channel.ram;

import static dev.godwit.channel.ram.RamDialect.ANY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Seed;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever is sent arrives, over channels that carry pages inline and that place them at random.
 */
final class RamTransferTest {
  private static final int ROUNDS = 12;

  @ParameterizedTest
  @ValueSource(strings = {"placement=inline", "placement=inline&buffer=777", "placement=direct"})
  void memoryArrivesInAnyMixOfRecords(String settings) throws Exception {
    Seed seed = Seed.of("RamTransferTest " + settings);
    Map<String, Long> total = new LinkedHashMap<>();
    for (int round = 0; round < ROUNDS; round++) {
      Random random = seed.random(round);
      try (XbzrleCache cache = new XbzrleCache((100 + random.nextInt(300)) * 4108L, 4096)) {
        List<PageEncoding> encodings =
            List.of(
                new PlainEncoding(),
                new CompressEncoding(random.nextInt(10)),
                new XbzrleEncoding(cache),
                new ZeroEncoding());
        String direct = settings.endsWith("direct") ? "&seed=" + random.nextInt() : "";
        new RamTransfer(random, ANY, encodings, 5, false)
            .run(settings + direct)
            .forEach((name, pages) -> total.merge(name, pages, Long::sum));
      }
    }
    assertThat(total).hasSize(4).allSatisfy((name, pages) -> assertThat(pages).isPositive());
  }
}
