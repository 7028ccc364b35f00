package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class AutoConvergeTest {
  private static AutoConverge with(Map<String, String> settings) {
    return new AutoConverge(EngineParameters.of(settings));
  }

  /** The steps of so many periods that are all alike. */
  private static List<Integer> steps(AutoConverge converge, int periods, long dirtied, long sent) {
    List<Integer> steps = new ArrayList<>();
    for (int i = 0; i < periods; i++) {
      converge.next(dirtied, sent).ifPresent(steps::add);
    }
    return steps;
  }

  @Test
  void everySecondHighPeriodIsAStep() {
    AutoConverge converge = with(Map.of());

    assertThat(converge.next(51, 100)).isEmpty();
    assertThat(converge.next(51, 100)).hasValue(20);
    assertThat(converge.next(51, 100)).isEmpty();
    assertThat(converge.next(51, 100)).hasValue(30);
    assertThat(converge.percent()).isEqualTo(30);
  }

  @Test
  void whatIsNotAboveTheThresholdIsNoReason() {
    AutoConverge converge = with(Map.of());

    assertThat(steps(converge, 10, 50, 100)).isEmpty();
    assertThat(steps(converge, 10, 0, 0)).isEmpty();
    assertThat(converge.percent()).isZero();
  }

  @Test
  void theTwoPeriodsAreInARow() {
    AutoConverge converge = with(Map.of());

    for (int i = 0; i < 5; i++) {
      assertThat(converge.next(90, 100)).isEmpty();
      assertThat(converge.next(10, 100)).isEmpty();
    }
  }

  @Test
  void theStepsEndAtTheMost() {
    AutoConverge converge =
        with(
            Map.of(
                "cpu-throttle-initial", "25",
                "cpu-throttle-increment", "30",
                "max-cpu-throttle", "70"));

    assertThat(steps(converge, 20, 100, 1)).containsExactly(25, 55, 70);
    assertThat(converge.isExhausted()).isTrue();
  }

  @Test
  void theDefaultsEndAtNinetyNine() {
    assertThat(steps(with(Map.of()), 100, 100, 0))
        .containsExactly(20, 30, 40, 50, 60, 70, 80, 90, 99);
  }

  @Test
  void theThresholdIsTheUsers() {
    assertThat(steps(with(Map.of("throttle-trigger-threshold", "100")), 4, 100, 100)).isEmpty();
    assertThat(steps(with(Map.of("throttle-trigger-threshold", "1")), 4, 2, 100))
        .containsExactly(20, 30);
  }

  @Test
  void aSlowTailTakesNoMoreThanIsNeeded() {
    AutoConverge converge = with(Map.of("cpu-throttle-tailslow", "on"));
    assertThat(steps(converge, 2, 1000, 100)).containsExactly(20);

    // 80 % of its time is left to the guest, and 1/16 of that too much.
    assertThat(steps(converge, 2, 16, 30)).containsExactly(25);
    assertThat(steps(converge, 2, 1000, 100)).containsExactly(35);
    assertThat(steps(converge, 2, 100_001, 200_000)).containsExactly(36);
  }

  @Test
  void anyNumberOfBytesIsTaken() {
    AutoConverge converge = with(Map.of());

    assertThat(steps(converge, 4, Long.MAX_VALUE / 4, Long.MAX_VALUE)).isEmpty();
    assertThat(steps(converge, 4, Long.MAX_VALUE, Long.MAX_VALUE)).containsExactly(20, 30);
  }
}
