package dev.godwit.migration.dirty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.guest.DirtyRuns;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class MarkedLogTest {
  private static final int PAGE = 4096;

  private record Run(long offset, long length) {}

  private static RamBlock block(String name, long pages, int pageBytes) {
    return new RamBlock(name, Arena.ofAuto().allocate(pages * pageBytes), pageBytes);
  }

  private static List<Run> take(MarkedLog log, int block) throws GuestException {
    List<Run> runs = new ArrayList<>();
    log.takeAndClear(block, (offset, length) -> runs.add(new Run(offset, length)));
    return runs;
  }

  @Test
  void whatIsMarkedIsToldOnceInWholePages() throws Exception {
    MarkedLog log = new MarkedLog(List.of(block("a", 5000, PAGE), block("b", 3, 64 * 1024)));
    log.mark(0, 0, 10);
    log.start();
    assertThat(take(log, 0)).isEmpty();
    log.mark(0, 4095, 2);
    log.mark(0, 100 * PAGE, 0);
    log.mark(0, 60L * PAGE, 1000L * PAGE);
    log.mark(0, 4999L * PAGE + 5, 1);
    log.mark(1, 65_536, 1);
    assertThat(take(log, 0))
        .containsExactly(
            new Run(0, 2 * PAGE), new Run(60 * PAGE, 1000 * PAGE), new Run(4999 * PAGE, PAGE));
    assertThat(take(log, 1)).containsExactly(new Run(65_536, 65_536));
    assertThat(take(log, 0)).isEmpty();
    assertThat(take(log, 1)).isEmpty();
  }

  @Test
  void itTellsWhatAPlainArrayWould() throws Exception {
    Seed seed = Seed.of("itTellsWhatAPlainArrayWould");
    Random random = seed.random();
    int pages = 40_000;
    RamBlock ram = new RamBlock("a", MemorySegment.ofArray(new byte[pages * 1024]), 1024);
    MarkedLog log = new MarkedLog(List.of(ram));
    log.start();
    for (int round = 0; round < 200; round++) {
      boolean[] model = new boolean[pages];
      for (int i = random.nextInt(10); i > 0; i--) {
        int first = random.nextInt(pages);
        int count = Math.min(pages - first, random.nextInt(random.nextBoolean() ? 3 : 3000));
        log.mark(0, first * 1024L, count * 1024L);
        Arrays.fill(model, first, first + count, true);
      }
      boolean[] told = new boolean[pages];
      log.takeAndClear(
          0,
          (offset, length) ->
              Arrays.fill(told, (int) offset / 1024, (int) (offset + length) / 1024, true));
      assertThat(told).as("round %d, seed %s", round, seed).isEqualTo(model);
    }
  }

  @Test
  void startBeginsCleanAndStopEnds() throws Exception {
    MarkedLog log = new MarkedLog(List.of(block("a", 100, PAGE)));
    log.stop();
    assertThatThrownBy(() -> take(log, 0)).isInstanceOf(GuestException.class);
    log.start();
    assertThatThrownBy(log::start).isInstanceOf(GuestException.class);
    log.mark(0, 0, 1);
    log.stop();
    log.mark(0, PAGE, 1);
    log.start();
    assertThat(take(log, 0)).isEmpty();
  }

  @Test
  void whatIsOutsideIsRefused() throws Exception {
    MarkedLog log = new MarkedLog(List.of(block("a", 2, PAGE)));
    log.start();
    assertThatThrownBy(() -> log.mark(0, 2 * PAGE, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> log.mark(0, -1, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> log.mark(0, 0, 2 * PAGE + 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void whatWasNotToldIsToldAgainAfterAFailureAnywhere() throws Exception {
    MarkedLog log = new MarkedLog(List.of(block("a", 9000, 1024)));
    log.start();
    long[] firsts = {0, 3, 60, 200, 210, 505, 600, 5000, 8999};
    for (int failing = 0; failing < firsts.length; failing++) {
      for (long first : firsts) {
        log.mark(0, first * 1024, first == 60 ? 9 * 1024 : 1);
      }
      List<Long> told = new ArrayList<>();
      int last = failing;
      assertThatThrownBy(
              () ->
                  log.takeAndClear(
                      0,
                      (offset, length) -> {
                        if (told.size() == last) {
                          throw new IllegalStateException("No more");
                        }
                        told.add(offset / 1024);
                      }))
          .isInstanceOf(IllegalStateException.class);
      for (Run run : take(log, 0)) {
        told.add(run.offset / 1024);
      }
      assertThat(told).as("failing at %d", failing).containsExactly(box(firsts));
      assertThat(take(log, 0)).isEmpty();
    }
  }

  private static Long[] box(long[] values) {
    return Arrays.stream(values).boxed().toArray(Long[]::new);
  }

  /**
   * In each round every page is changed once, by one of several threads whose pages share words,
   * while one takes all the time: a mark that is lost is never made up for.
   */
  @Test
  @SuppressWarnings("ThreadPriorityCheck") // On few processors a spin would keep others waiting.
  void nothingIsLostWhileManyThreadsMark() throws Exception {
    Seed seed = Seed.of("nothingIsLostWhileManyThreadsMark");
    int threads = 3;
    int pages = 2048;
    int pageBytes = 1024;
    int rounds = 1500;
    MemorySegment memory = Arena.ofAuto().allocate((long) pages * pageBytes, 8);
    int[] copy = new int[pages];
    MarkedLog log = new MarkedLog(List.of(new RamBlock("a", memory, pageBytes)));
    log.start();
    AtomicInteger round = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    List<Task<Boolean>> writers = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int own = t;
      writers.add(
          Task.start(
              "writer " + t,
              () -> {
                for (int now = 1; now <= rounds; now++) {
                  while (round.get() < now) {
                    Thread.yield();
                  }
                  int first = seed.random(now).nextInt(pages - 200);
                  for (int page = first; page < first + 200; page++) {
                    if (page % threads == own) {
                      memory.set(ValueLayout.JAVA_INT, (long) page * pageBytes, now);
                      log.mark(0, (long) page * pageBytes, 4);
                    }
                  }
                  done.incrementAndGet();
                }
                return true;
              }));
    }
    DirtyRuns copying =
        (offset, length) -> {
          for (long at = offset; at < offset + length; at += pageBytes) {
            copy[(int) (at / pageBytes)] = memory.get(ValueLayout.JAVA_INT, at);
          }
        };
    for (int now = 1; now <= rounds; now++) {
      round.set(now);
      while (done.get() < now * threads) {
        log.takeAndClear(0, copying);
        assertThat(writers.stream().filter(Task::isDone).count())
            .as("ended writers")
            .isLessThanOrEqualTo(now == rounds ? threads : 0);
      }
      log.takeAndClear(0, copying);
      for (int page = 0; page < pages; page++) {
        if (copy[page] != memory.get(ValueLayout.JAVA_INT, (long) page * pageBytes)) {
          round.set(rounds);
          throw new AssertionError(
              "The change of page " + page + " in round " + now + " is lost, seed " + seed);
        }
      }
    }
    writers.forEach(Task::result);
  }
}
