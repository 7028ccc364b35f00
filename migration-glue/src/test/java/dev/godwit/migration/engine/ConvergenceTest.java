package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;

final class ConvergenceTest {
  private static final long MIB = 1 << 20;
  private static final Duration NONE = Duration.ZERO;
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration LIMIT = Duration.ofMillis(300);

  private final Convergence convergence = new Convergence();

  @Test
  void nothingIsKnownBeforeTheFirstPass() {
    assertThat(convergence.converged(Duration.ofDays(1))).isFalse();
    assertThat(convergence.expectedDowntime()).isGreaterThan(Duration.ofDays(365));
    assertThat(convergence.bandwidth()).isZero();
    assertThat(convergence.passes()).isZero();
  }

  @Test
  void theBandwidthLeavesOutTheTimeOfTheSync() {
    convergence.passEnded(100 * MIB, Duration.ofSeconds(5), Duration.ofSeconds(4), MIB, 50 * MIB);

    assertThat(convergence.bandwidth()).isEqualTo(100.0 * MIB);
    assertThat(convergence.dirtyRate()).isEqualTo(10.0 * MIB);
  }

  @Test
  void thePassThatFitsTheLimitConvergesAndOneMoreByteDoesNot() {
    convergence.passEnded(1000 * MIB, SECOND, NONE, 300 * MIB, 300 * MIB);
    assertThat(convergence.expectedDowntime()).isEqualTo(LIMIT);
    assertThat(convergence.converged(LIMIT)).isTrue();

    convergence.passEnded(1000 * MIB, SECOND, NONE, 300 * MIB + 1, 300 * MIB);
    assertThat(convergence.converged(LIMIT)).isFalse();
    assertThat(convergence.remainingBytes()).isEqualTo(300 * MIB + 1);
    assertThat(convergence.passes()).isEqualTo(2);
  }

  @Test
  void theFixedCostCounts() {
    convergence.passEnded(1000 * MIB, SECOND, NONE, 250 * MIB, 0);
    convergence.fixedCost(Duration.ofMillis(51));

    assertThat(convergence.expectedDowntime()).isEqualTo(Duration.ofMillis(301));
    assertThat(convergence.converged(LIMIT)).isFalse();
  }

  @Test
  void nothingLeftIsConvergedWhateverTheLimit() {
    convergence.fixedCost(SECOND);
    convergence.passEnded(0, Duration.ofNanos(0), NONE, 0, 0);

    assertThat(convergence.converged(Duration.ZERO)).isTrue();
    assertThat(convergence.expectedDowntime()).isEqualTo(SECOND);
  }

  @Test
  void aLimitOfZeroWaitsForNothingLeft() {
    convergence.passEnded(1000 * MIB, SECOND, NONE, 1, 1);

    assertThat(convergence.converged(Duration.ZERO)).isFalse();
  }

  @Test
  void aPassThatSentNextToNothingKeepsTheBandwidth() {
    convergence.passEnded(1000 * MIB, SECOND, NONE, 4096, 4096);
    convergence.passEnded(4096, Duration.ofMillis(50), NONE, 200 * MIB, 200 * MIB);

    assertThat(convergence.bandwidth()).isEqualTo(1000.0 * MIB);
    assertThat(convergence.dirtyRate()).isEqualTo(4000.0 * MIB, within(1.0));
    assertThat(convergence.converged(LIMIT)).isTrue();

    convergence.passEnded(0, SECOND, NONE, 200 * MIB, 0);
    assertThat(convergence.bandwidth()).isEqualTo(1000.0 * MIB);
  }

  @Test
  void aSlowLinkIsSeenEvenWhereLittleWasSent() {
    convergence.passEnded(1000 * MIB, SECOND, NONE, 4096, 4096);
    convergence.passEnded(4096, SECOND, NONE, 4096, 4096);

    assertThat(convergence.bandwidth()).isEqualTo(4096);
    assertThat(convergence.converged(LIMIT)).isFalse();
  }

  @Test
  void aSmallFirstPassIsBetterThanNoBandwidth() {
    convergence.passEnded(8192, Duration.ofMillis(1), NONE, 4096, 4096);

    assertThat(convergence.bandwidth()).isEqualTo(8_192_000, within(1.0));
    assertThat(convergence.converged(LIMIT)).isTrue();
  }

  @Test
  void aGuestOfZerosConvergesByTheTimeOfItsPasses() {
    convergence.passEnded(0, Duration.ofSeconds(2), NONE, MIB, MIB);
    assertThat(convergence.expectedDowntime()).isEqualTo(Duration.ofSeconds(2));
    assertThat(convergence.converged(LIMIT)).isFalse();

    convergence.passEnded(0, Duration.ofMillis(3), NONE, MIB, MIB);
    assertThat(convergence.converged(LIMIT)).isTrue();
  }

  @Test
  void aPassOfNoTimeIsNoDivisionByZero() {
    convergence.passEnded(100 * MIB, NONE, NONE, 100 * MIB, 100 * MIB);

    assertThat(convergence.bandwidth()).isFinite();
    assertThat(convergence.dirtyRate()).isFinite();
    convergence.passEnded(1, Duration.ofDays(300), NONE, Long.MAX_VALUE, 0);
    assertThat(convergence.converged(Duration.ofDays(300))).isFalse();
  }

  @Test
  void theStandingIsPartOfASentence() {
    convergence.passEnded(100_000_000, SECOND, NONE, 250_000_000, 300_000_000);

    assertThat(convergence.standing())
        .isEqualTo(
            "after 1 pass 250.0 MB remain, the guest dirties 300.0 MB/s and 100.0 MB/s are sent");
  }
}
