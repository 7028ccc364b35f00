package dev.godwit.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Await;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class DeadlineTest {
  @Test
  void passes() {
    Deadline deadline = Deadline.after(Duration.ofMillis(5));
    Await.until("it passes", deadline::hasPassed);
    assertThat(deadline.remainingNanos()).isZero();
    assertThat(deadline.remainingMillis()).isZero();
  }

  @Test
  void hasPassedAlready() {
    assertThat(Deadline.after(Duration.ZERO).hasPassed()).isTrue();
    assertThat(Deadline.after(Duration.ofDays(-1)).hasPassed()).isTrue();
  }

  @Test
  void neverPasses() {
    assertThat(Deadline.never().isBounded()).isFalse();
    assertThat(Deadline.never().hasPassed()).isFalse();
    assertThat(Deadline.never().remainingNanos()).isEqualTo(Long.MAX_VALUE);
    assertThat(Deadline.never().remainingMillis()).isEqualTo(Long.MAX_VALUE);
    assertThat(Deadline.never()).hasToString("never");
  }

  @Test
  void millisecondsAreRoundedUpSoThatNoWaitEndsEarly() {
    Deadline deadline = Deadline.after(Duration.ofMinutes(1));
    long nanos = deadline.remainingNanos();
    assertThat(deadline.remainingMillis()).isBetween(59_000L, nanos / 1_000_000 + 1);
    assertThat(Deadline.after(Duration.ofNanos(900_000)).remainingMillis()).isLessThanOrEqualTo(1);
  }

  @Test
  void anImmenseWaitIsNoPastOne() {
    assertThat(Deadline.after(Duration.ofDays(100_000)).hasPassed()).isFalse();
    assertThat(Deadline.after(Duration.ofSeconds(Long.MAX_VALUE)).hasPassed()).isFalse();
  }
}
