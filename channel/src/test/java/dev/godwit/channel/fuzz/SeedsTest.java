package dev.godwit.channel.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every target over the bytes from which Jazzer sets out, and over what it once found. A name that
 * begins with {@code sound} says that the bytes are taken.
 */
final class SeedsTest {
  @ParameterizedTest
  @EnumSource
  void bearsItsSeeds(Target target) throws Exception {
    URL here = SeedsTest.class.getResource("DecoderFuzzTestInputs/" + method(target));
    assertThat(here).as("seeds of %s", target).isNotNull();
    List<Path> seeds;
    try (Stream<Path> all = Files.list(Path.of(here.toURI()))) {
      seeds = all.sorted().toList();
    }
    assertThat(seeds).isNotEmpty();
    for (Path seed : seeds) {
      boolean taken = target.bears(Files.readAllBytes(seed));
      assertThat(taken)
          .as("%s takes %s", target, seed.getFileName())
          .isEqualTo(seed.getFileName().toString().startsWith("sound"));
    }
  }

  /** The fuzz test of a target is named as it is. */
  static String method(Target target) {
    String[] words = target.name().toLowerCase(Locale.ROOT).split("_", -1);
    StringBuilder name = new StringBuilder(words[0]);
    for (int i = 1; i < words.length; i++) {
      name.append(words[i].substring(0, 1).toUpperCase(Locale.ROOT)).append(words[i].substring(1));
    }
    return name.toString();
  }
}
