package dev.godwit.migration.dirty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DirtyBitmapTest {
  private record Run(long first, long count) {}

  private static List<Run> take(DirtyBitmap bitmap) throws IOException {
    List<Run> runs = new ArrayList<>();
    bitmap.takeRuns((first, count) -> runs.add(new Run(first, count)));
    return runs;
  }

  private static List<Run> runsOf(boolean[] dirty) {
    List<Run> runs = new ArrayList<>();
    for (int at = 0; at < dirty.length; at++) {
      int first = at;
      while (at < dirty.length && dirty[at]) {
        at++;
      }
      if (at > first) {
        runs.add(new Run(first, at - first));
      }
    }
    return runs;
  }

  private static int countOf(boolean[] dirty) {
    int count = 0;
    for (boolean page : dirty) {
      count += page ? 1 : 0;
    }
    return count;
  }

  @ParameterizedTest
  @ValueSource(
      ints = {0, 1, 63, 64, 65, 4095, 4096, 4097, 8191, 8192, 20_000, 64 * 4096, 64 * 4096 + 70})
  void itIsWhatAPlainArrayIs(int pages) throws IOException {
    Seed seed = Seed.of("itIsWhatAPlainArrayIs, " + pages + " pages");
    Random random = seed.random();
    DirtyBitmap bitmap = new DirtyBitmap(pages);
    boolean[] model = new boolean[pages];
    for (int round = 0; round < 60; round++) {
      int marks = pages == 0 ? 0 : random.nextInt(12);
      for (int i = 0; i < marks; i++) {
        int first = border(random, pages);
        int count = Math.min(lengthOf(random), pages - first);
        bitmap.mark(first, count);
        for (int page = first; page < first + count; page++) {
          model[page] = true;
        }
      }
      assertThat(bitmap.count()).as("round %d, seed %s", round, seed).isEqualTo(countOf(model));
      for (int i = 0; i < Math.min(pages, 50); i++) {
        int page = border(random, pages);
        assertThat(bitmap.isDirty(page))
            .as("page %d in round %d, seed %s", page, round, seed)
            .isEqualTo(model[page]);
      }
      if (random.nextInt(3) == 0) {
        assertThat(take(bitmap)).as("round %d, seed %s", round, seed).isEqualTo(runsOf(model));
        model = new boolean[pages];
      }
    }
  }

  /** Any page, but mostly one beside a word's or chunk's border. */
  private static int border(Random random, int pages) {
    int page = random.nextInt(pages);
    int unit = random.nextBoolean() ? 64 : 4096;
    return switch (random.nextInt(4)) {
      case 0 -> page;
      case 1 -> page / unit * unit;
      case 2 -> Math.min(pages - 1, page / unit * unit + 1);
      default -> Math.max(0, page / unit * unit - 1);
    };
  }

  private static int lengthOf(Random random) {
    return switch (random.nextInt(5)) {
      case 0 -> 1;
      case 1 -> random.nextInt(64);
      case 2 -> random.nextInt(64, 300);
      case 3 -> 4096 * random.nextInt(1, 4);
      default -> random.nextInt(20_000);
    };
  }

  @Test
  void aRunIsCleanBeforeItIsHandedOn() throws IOException {
    DirtyBitmap bitmap = new DirtyBitmap(10_000);
    bitmap.mark(100, 5000);
    List<Long> counts = new ArrayList<>();
    bitmap.takeRuns(
        (first, count) -> {
          assertThat(bitmap.isDirty(first)).isFalse();
          assertThat(bitmap.isDirty(first + count - 1)).isFalse();
          counts.add(bitmap.count());
        });
    assertThat(counts).containsExactly(0L);
  }

  @Test
  void whatTheTakerMarksBehindItsRunIsHandedOnAndTheRestStays() throws IOException {
    DirtyBitmap bitmap = new DirtyBitmap(20_000);
    bitmap.mark(5000, 10);
    List<Run> runs = new ArrayList<>();
    bitmap.takeRuns(
        (first, count) -> {
          runs.add(new Run(first, count));
          if (first == 5000) {
            bitmap.mark(4096, 8192); // Around the run, and a whole chunk behind it.
          }
        });
    assertThat(runs).containsExactly(new Run(5000, 10), new Run(5010, 12_288 - 5010));
    assertThat(take(bitmap)).containsExactly(new Run(4096, 5010 - 4096));
  }

  @Test
  void whatWasNotTakenStaysDirtyWhenTheTakerFails() throws IOException {
    DirtyBitmap bitmap = new DirtyBitmap(100_000);
    bitmap.mark(10, 5);
    bitmap.mark(50, 9000);
    bitmap.mark(90_000, 1);
    List<Run> runs = new ArrayList<>();
    assertThatThrownBy(
            () ->
                bitmap.takeRuns(
                    (first, count) -> {
                      if (first == 50) {
                        throw new IOException("No more");
                      }
                      runs.add(new Run(first, count));
                    }))
        .isInstanceOf(IOException.class);
    assertThat(runs).containsExactly(new Run(10, 5));
    assertThat(bitmap.count()).isEqualTo(9001);
    assertThat(take(bitmap)).containsExactly(new Run(50, 9000), new Run(90_000, 1));
  }

  @Test
  void aTebibyteIsMarkedAtOnceAndIsOneRun() throws IOException {
    long pages = 1L << 28;
    DirtyBitmap bitmap = new DirtyBitmap(pages + 3);
    bitmap.markAll();
    assertThat(bitmap.count()).isEqualTo(pages + 3);
    assertThat(take(bitmap)).containsExactly(new Run(0, pages + 3));
    assertThat(bitmap.count()).isZero();
  }

  @Test
  void aTebibyteWithAThousandDirtyPagesIsFoundInOrder() throws IOException {
    Seed seed = Seed.of("aTebibyteWithAThousandDirtyPagesIsFoundInOrder");
    long[] marked = seed.random().longs(1000, 0, 1L << 28).sorted().distinct().toArray();
    DirtyBitmap bitmap = new DirtyBitmap(1L << 28);
    for (int round = 0; round < 3; round++) {
      for (long page : marked) {
        bitmap.mark(page, 1);
      }
      List<Long> found = new ArrayList<>();
      bitmap.takeRuns(
          (first, count) -> {
            for (long page = first; page < first + count; page++) {
              found.add(page);
            }
          });
      assertThat(found)
          .as("seed %s", seed)
          .containsExactlyElementsOf(Arrays.stream(marked).boxed().toList());
    }
  }

  @Test
  void whatIsOutsideIsRefusedAndMarksNothing() {
    DirtyBitmap bitmap = new DirtyBitmap(100);
    for (long[] range : new long[][] {{-1, 1}, {100, 1}, {99, 2}, {0, -1}, {5, Long.MAX_VALUE}}) {
      assertThatThrownBy(() -> bitmap.mark(range[0], range[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThatThrownBy(() -> bitmap.isDirty(100)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new DirtyBitmap(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThat(bitmap.count()).isZero();
  }
}
