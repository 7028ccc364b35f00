package dev.godwit.channel.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class PageBitmapTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  @Test
  void countsBitsFromTheLowestOfTheFirstByte() {
    PageBitmap bitmap = new PageBitmap(arena, 70);

    bitmap.set(0, 1);
    bitmap.set(9, 10);
    bitmap.set(69, 70);

    assertThat(bitmap.memory().toArray(ValueLayout.JAVA_BYTE))
        .containsExactly(1, 2, 0, 0, 0, 0, 0, 0, 1 << 5, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void behavesAsASetOfPages() {
    Random random = Seed.of("PageBitmapTest").random();
    for (int round = 0; round < 300; round++) {
      int pages = 1 + random.nextInt(300);
      PageBitmap bitmap = new PageBitmap(arena, pages);
      BitSet model = new BitSet();
      for (int step = 0; step < 20; step++) {
        int from = random.nextInt(pages);
        int to = from + random.nextInt(pages - from + 1);
        if (random.nextBoolean()) {
          bitmap.set(from, to);
          model.set(from, to);
        } else {
          bitmap.clear(from);
          model.clear(from);
        }
        assertThat(bitmap.nextSet(from, to)).isEqualTo(before(to, model.nextSetBit(from)));
        assertThat(bitmap.nextClear(from, to)).isEqualTo(before(to, model.nextClearBit(from)));
      }
      for (int page = 0; page < pages; page++) {
        assertThat(bitmap.isSet(page)).isEqualTo(model.get(page));
      }
      assertThat(bitmap.exceeds()).isFalse();
    }
  }

  private static long before(int to, int found) {
    return found < 0 ? to : Math.min(to, found);
  }

  @Test
  void seesBitsBehindTheLastPage() {
    PageBitmap bitmap = new PageBitmap(arena, 65);

    bitmap.memory().set(ValueLayout.JAVA_BYTE, 8, (byte) 1);
    assertThat(bitmap.exceeds()).isFalse();
    bitmap.memory().set(ValueLayout.JAVA_BYTE, 15, (byte) 0x80);
    assertThat(bitmap.exceeds()).isTrue();
  }

  @Test
  void losesNoBitWhenThreadsShareAWord() {
    int pages = 64 * 512;
    PageBitmap bitmap = new PageBitmap(arena, pages);

    Threads.run(() -> setEvery(bitmap, 0), () -> setEvery(bitmap, 1));

    assertThat(bitmap.nextClear(0, pages)).isEqualTo(pages);
  }

  private static void setEvery(PageBitmap bitmap, int first) {
    for (long page = first; page < bitmap.pages(); page += 2) {
      bitmap.set(page, page + 1);
    }
  }
}
