package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.Wired.Reading;
import dev.godwit.transport.testkit.Mutant;
import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** What every decoder must bear. */
public final class Hostile {
  private static final int MUTATIONS = 10_000;

  /** Enough for all of them on an idle machine; a busy one does fewer. */
  private static final long BUDGET_NANOS = 5_000_000_000L;

  private Hostile() {}

  /** Fails unless each beginning of {@code bytes} is too short, and said to be so where it ends. */
  public static void truncate(byte[] bytes, Reading<?> reading) {
    for (int cut = 0; cut < bytes.length; cut++) {
      byte[] part = Arrays.copyOf(bytes, cut);
      StreamException end =
          catchThrowableOfType(StreamException.class, () -> Wired.reading(part, reading));
      assertThat(end).as("cut at %d of %d", cut, bytes.length).isNotNull();
      assertThat(end.kind()).as("%s", end).isEqualTo(Kind.TRUNCATED);
      assertThat(end.offset()).as("%s", end).isEqualTo(cut);
    }
  }

  /** What becomes of a damaged sample. */
  @FunctionalInterface
  public interface Judging {
    void judge(byte[] mutant, StreamInput in) throws IOException;
  }

  /** Fails if some damaged sample does anything else than be read or be refused as a stream. */
  public static void mutate(String test, List<byte[]> samples, Reading<?> reading) {
    mutate(test, samples, (Judging) (mutant, in) -> reading.read(in));
  }

  /** Fails as {@link #mutate}, and if {@code judging} does where a sample is read. */
  public static void mutate(String test, List<byte[]> samples, Judging judging) {
    Seed seed = Seed.of(test);
    Random random = seed.random();
    long end = System.nanoTime() + BUDGET_NANOS;
    int refused = 0;
    int done = 0;
    for (; done < MUTATIONS && System.nanoTime() - end < 0; done++) {
      byte[] mutant = Mutant.of(samples.get(random.nextInt(samples.size())), random);
      try {
        Wired.reading(
            mutant,
            in -> {
              judging.judge(mutant, in);
              return true;
            });
      } catch (StreamException e) {
        refused++;
        if (e.offset() < 0 || e.offset() > mutant.length) {
          fail(test + ": offset outside of " + HexFormat.of().formatHex(mutant), e);
        }
      } catch (IOException | RuntimeException | Error e) {
        fail(test + " " + seed + ": " + HexFormat.of().formatHex(mutant), e);
      }
    }
    System.out.println(test + ": " + done + " mutants, " + refused + " refused");
    assertThat(refused).as("refused of %d", done).isPositive();
  }

  /** Fails unless {@code bytes} are refused in just this way. */
  public static void refuse(
      String hex, Reading<?> reading, Kind kind, long offset, String sentence) {
    StreamException refused =
        catchThrowableOfType(StreamException.class, () -> Wired.reading(Wired.hex(hex), reading));
    assertThat(refused).as("%s is refused", hex).isNotNull();
    assertThat(refused.sentence()).isEqualTo(sentence);
    assertThat(refused.kind()).as("%s", refused).isEqualTo(kind);
    assertThat(refused.offset()).as("%s", refused).isEqualTo(offset);
    assertThat(refused.channel()).isEqualTo("main");
  }
}
