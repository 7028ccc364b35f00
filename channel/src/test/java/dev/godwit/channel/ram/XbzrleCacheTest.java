package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class XbzrleCacheTest {
  private static final int PAGE = 4096;

  @Test
  void staysBelowItsCeiling() {
    for (long ceiling : new long[] {4 * 4108, 1 << 20, (1 << 20) + 12345, 20 << 20}) {
      try (XbzrleCache cache = new XbzrleCache(ceiling, PAGE)) {
        assertThat(cache.bytes()).isBetween(ceiling / 2, ceiling);
      }
    }
    assertThatIllegalArgumentException().isThrownBy(() -> new XbzrleCache(4 * 4108 - 1, PAGE));
  }

  @Test
  void knowsAPageFromTheSecondTimeOn() {
    byte[] delta = new byte[PAGE];
    byte[] page = new byte[PAGE];
    try (XbzrleCache cache = new XbzrleCache(1 << 20, PAGE)) {
      assertThat(cache.delta(0, PAGE, page, 1, delta)).isEqualTo(XbzrleCache.NO_DELTA);
      assertThat(cache.delta(0, PAGE, page, 2, delta)).isZero();
      page[9] = 1;
      assertThat(cache.delta(1, PAGE, page, 2, delta)).isEqualTo(XbzrleCache.NO_DELTA);
      assertThat(cache.delta(0, PAGE, page, 3, delta)).isEqualTo(3);
      cache.forget(0, PAGE);
      assertThat(cache.delta(0, PAGE, page, 4, delta)).isEqualTo(XbzrleCache.NO_DELTA);
    }
  }

  @Test
  void aWorkingSetLargerThanItselfStillFindsAPart() {
    byte[] delta = new byte[PAGE];
    byte[] page = new byte[PAGE];
    int found = 0;
    try (XbzrleCache cache = new XbzrleCache(256 * 4108, PAGE)) {
      for (int pass = 1; pass <= 4; pass++) {
        for (int number = 0; number < 512; number++) {
          if (cache.delta(0, (long) number * PAGE, page, pass, delta) >= 0) {
            found++;
          }
        }
      }
    }
    assertThat(found).isGreaterThan(3 * 150);
  }

  @Test
  void isTheSameToOneTwoAndFourThreads() {
    Seed seed = Seed.of("XbzrleCacheTest.isTheSameToOneTwoAndFourThreads");
    double one = hitRate(seed, 1);
    assertThat(one).isBetween(0.3, 0.95);
    assertThat(hitRate(seed, 2)).isCloseTo(one, within(0.02));
    assertThat(hitRate(seed, 4)).isCloseTo(one, within(0.02));
  }

  /** Sends pages of which each belongs to one thread, and checks every delta on the other side. */
  private static double hitRate(Seed seed, int threads) {
    int pages = 1024;
    byte[][] source = new byte[pages][PAGE];
    byte[][] destination = new byte[pages][PAGE];
    Random random = seed.random();
    int sent = 0;
    int hits = 0;
    try (XbzrleCache cache = new XbzrleCache(700 * 4108, PAGE)) {
      for (int pass = 1; pass <= 6; pass++) {
        for (byte[] page : source) {
          if (random.nextInt(4) > 0) {
            byte[] change = Io.bytes(random, 1 + random.nextInt(300));
            System.arraycopy(change, 0, page, random.nextInt(PAGE - 300), change.length);
          }
        }
        List<Task<Integer>> tasks = new ArrayList<>();
        for (int thread = 0; thread < threads; thread++) {
          int first = thread;
          int now = pass;
          tasks.add(
              Task.start(
                  "sender " + thread, () -> send(cache, source, destination, first, threads, now)));
        }
        for (Task<Integer> task : tasks) {
          hits += task.result();
        }
        sent += pages;
        for (int number = 0; number < pages; number++) {
          assertThat(destination[number]).isEqualTo(source[number]);
        }
      }
    }
    return (double) hits / sent;
  }

  private static int send(
      XbzrleCache cache, byte[][] source, byte[][] destination, int first, int step, int pass) {
    byte[] delta = new byte[PAGE];
    int hits = 0;
    for (int number = first; number < source.length; number += step) {
      long offset = (long) number * PAGE;
      int length = cache.delta(3, offset, source[number], pass, delta);
      if (length == XbzrleCache.NO_DELTA) {
        destination[number] = source[number].clone();
      } else {
        hits++;
        IncomingPage page = new IncomingPage();
        page.block(MemorySegment.ofArray(destination[number]), Optional.empty(), PAGE);
        assertThat(XbzrleDelta.apply(delta, length, page)).isEqualTo(-1);
      }
    }
    return hits;
  }
}
