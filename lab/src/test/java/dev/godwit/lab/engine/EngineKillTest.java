package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.KilledEnd.Moment;
import dev.godwit.lab.engine.KilledEnd.Role;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Either end is killed: the guest runs at one, or at none and whoever is left says so, and never at
 * two. A killed process's journal tells what its guest did.
 */
@Timeout(240)
final class EngineKillTest {
  private static final Seed SEED = Seed.of("EngineKillTest");

  /** Each kill hits as many migrations, each in another moment of it. */
  private static final int AT_ONCE = 10;

  /** Migrations before that, to which nothing happens. */
  private static final int WARM = 2;

  /** Of each end, so that there are a hundred points. */
  private static final int KILLS = Boolean.getBoolean("godwit.full") ? 20 : 5;

  @TempDir private Path directory;
  private int names;

  private Survivor survivor(KilledProcess process, Role killed, int number, Moment last)
      throws Exception {
    boolean multifd = number % 2 == 1;
    Endpoint at =
        Endpoint.parse(
            number % 4 < 2
                ? "tcp:127.0.0.1:0"
                : "unix:" + directory.resolve("in" + names++ + ".sock"));
    return switch (killed) {
      case SOURCE -> new SurvivingDestination(process, number, multifd, at, last);
      case DESTINATION -> new SurvivingSource(process, number, multifd, at, last);
    };
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void aKilledEndNeverMakesTwoRun(Role killed) throws Exception {
    Leaks leaks = Leaks.baseline(directory);
    int underWay = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      List<Survivor> survivors = new ArrayList<>();
      try (KilledProcess process = KilledProcess.start(killed, AT_ONCE + WARM, directory)) {
        // The second time most of the program is compiled, as it is later on.
        wholeNanos(process, killed, 0);
        long whole = wholeNanos(process, killed, 1);
        // The first has come furthest when all are killed; so many at once take longer than one.
        long[] ages =
            SEED.random(killed == Role.SOURCE ? kill : KILLS + kill)
                .longs(AT_ONCE, 0, 2 * whole)
                .toArray();
        Arrays.sort(ages);
        for (int i = 0; i < AT_ONCE; i++) {
          survivors.add(survivor(process, killed, i + WARM, Moment.NEVER));
        }
        long end = System.nanoTime() + ages[AT_ONCE - 1];
        for (int i = 0; i < AT_ONCE; i++) {
          await(end - ages[AT_ONCE - 1 - i]);
          survivors.get(i).begin();
        }
        await(end);
        process.kill();
        for (int i = 0; i < AT_ONCE; i++) {
          judge(survivors.get(i), process, i + WARM);
          underWay += process.moments(i + WARM).contains(Moment.ENDED) ? 0 : 1;
        }
      } finally {
        closeAll(survivors);
      }
    }
    assertThat(underWay).as("migrations that were under way").isGreaterThan(KILLS);
    leaks.awaitNone();
  }

  /** One migration that nothing happens to; how long that takes. */
  private long wholeNanos(KilledProcess process, Role killed, int number) throws Exception {
    try (Survivor survivor = survivor(process, killed, number, Moment.NEVER)) {
      long begin = System.nanoTime();
      survivor.begin();
      assertThat(survivor.awaitOver()).as("%s", process).isEqualTo("COMPLETED");
      long whole = System.nanoTime() - begin;
      survivor.judge(process.moments(number));
      return whole;
    }
  }

  /** Returns at a moment, as exactly as it goes: it is the moment that is random here. */
  private static void await(long nanoTime) {
    for (long left = nanoTime - System.nanoTime(); left > 0; left = nanoTime - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  /** What the other end says of a kill in one of the moments in which the guest changes hands. */
  private static Map<Moment, String> ends(Role killed) {
    return switch (killed) {
      case SOURCE ->
          Map.of(
              Moment.CONNECTED, "CANCELLED",
              Moment.PAUSING, "FAILED",
              Moment.PAUSED, "FAILED",
              Moment.GIVEN_UP, "FAILED",
              Moment.HANDED_OVER, "COMPLETED");
      case DESTINATION ->
          Map.of(
              Moment.CONNECTED, "FAILED",
              Moment.LOADED, "FAILED",
              Moment.ASKED, "UNDECIDED",
              Moment.RESUMING, "UNDECIDED",
              Moment.RESUMED, "UNDECIDED",
              Moment.CONFIRMED, "COMPLETED");
    };
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void aKillInEachDecisiveMomentHasItsOutcome(Role killed) throws Exception {
    List<Moment> moments = new ArrayList<>();
    // Plain and multifd, over both transports.
    for (int i = 0; i < 4; i++) {
      moments.addAll(ends(killed).keySet());
    }
    Collections.sort(moments);
    List<Survivor> survivors = new ArrayList<>();
    try (KilledProcess process = KilledProcess.start(killed, moments.size(), directory)) {
      for (int i = 0; i < moments.size(); i++) {
        survivors.add(survivor(process, killed, i, moments.get(i)));
        survivors.get(i).begin();
        int number = i;
        Await.until(
            "it has come to " + moments.get(i),
            () -> process.moments(number).contains(Moment.HELD),
            process::toString);
      }
      process.kill();
      for (int i = 0; i < moments.size(); i++) {
        assertThat(judge(survivors.get(i), process, i))
            .as("killed at %s", moments.get(i))
            .startsWith(ends(killed).get(moments.get(i)));
      }
    } finally {
      closeAll(survivors);
    }
  }

  private static String judge(Survivor survivor, KilledProcess process, int number)
      throws Exception {
    survivor.bereave();
    String over = survivor.awaitOver();
    List<Moment> other = process.moments(number);
    try {
      survivor.judge(other);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          over + " after " + other + ", godwit.seed=" + SEED + ", " + process, e);
    }
    return over;
  }

  private static void closeAll(List<Survivor> survivors) throws Exception {
    for (Survivor survivor : survivors) {
      survivor.close();
    }
  }
}
