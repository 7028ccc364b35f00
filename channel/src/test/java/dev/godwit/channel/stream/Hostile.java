package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.Wired.Reading;
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

  /** Values at which lengths, counts and flags change their meaning. */
  private static final int[] EDGES = {0x00, 0x01, 0x05, 0x7E, 0x7F, 0x80, 0xFE, 0xFF};

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
      byte[] mutant = mutant(samples.get(random.nextInt(samples.size())), random);
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

  private static byte[] mutant(byte[] sample, Random random) {
    byte[] mutant = sample.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0 && mutant.length > 0; changes--) {
      int at = random.nextInt(mutant.length);
      switch (random.nextInt(6)) {
        case 0 -> mutant[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> mutant[at] = (byte) EDGES[random.nextInt(EDGES.length)];
        case 2 -> mutant[at] = (byte) random.nextInt();
        case 3 -> mutant = Arrays.copyOf(mutant, at);
        case 4 -> mutant = without(mutant, at, 1 + random.nextInt(8));
        default -> mutant = doubled(mutant, at, 1 + random.nextInt(8));
      }
    }
    return mutant;
  }

  private static byte[] without(byte[] bytes, int at, int count) {
    int end = Math.min(bytes.length, at + count);
    byte[] rest = Arrays.copyOf(bytes, bytes.length - (end - at));
    System.arraycopy(bytes, end, rest, at, bytes.length - end);
    return rest;
  }

  private static byte[] doubled(byte[] bytes, int at, int count) {
    int end = Math.min(bytes.length, at + count);
    byte[] more = Arrays.copyOf(bytes, bytes.length + (end - at));
    System.arraycopy(bytes, at, more, end, bytes.length - at);
    return more;
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
