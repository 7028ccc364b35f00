package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class RateLimitTest {
  private static final long SECOND = Duration.ofSeconds(1).toNanos();
  private static final long SLICE = RateLimit.SLICE.toNanos();

  /** A clock that only waiting moves. */
  private static final class Fake {
    private long now = Long.MAX_VALUE - 3 * SECOND; // It runs over, as nanoTime may.
    private final long start = now;
    private final AtomicInteger waits = new AtomicInteger();

    RateLimit limit(long bytesPerSecond) {
      return new RateLimit(
          bytesPerSecond,
          () -> now,
          (monitor, nanos) -> {
            assertThat(nanos).isPositive();
            waits.incrementAndGet();
            now += nanos;
          });
    }

    long elapsed() {
      return now - start;
    }
  }

  private final Fake fake = new Fake();

  @Test
  void noLimitNeverWaits() {
    RateLimit limit = fake.limit(0);

    for (int i = 0; i < 1000; i++) {
      limit.pace(Long.MAX_VALUE);
    }
    assertThat(fake.waits).hasValue(0);
  }

  @Test
  void aSliceGrantsATenthAndTheNextWaits() {
    RateLimit limit = fake.limit(1000);

    limit.pace(60);
    limit.pace(40);
    assertThat(fake.waits).hasValue(0);
    limit.pace(1);
    assertThat(fake.elapsed()).isEqualTo(SLICE);
  }

  @Test
  void whatWentBeyondASliceIsPaidBack() {
    RateLimit limit = fake.limit(1000);

    limit.pace(1000);
    assertThat(fake.waits).hasValue(0);
    limit.pace(1);
    assertThat(fake.elapsed()).isEqualTo(10 * SLICE);
  }

  @Test
  void aSilenceEarnsNoBurst() {
    RateLimit limit = fake.limit(1000);
    limit.pace(100);
    fake.now += 3600 * SECOND;
    long before = fake.elapsed();

    limit.pace(100);
    assertThat(fake.elapsed()).isEqualTo(before);
    limit.pace(1);
    assertThat(fake.elapsed()).isEqualTo(before + SLICE);
  }

  @Test
  void noTimeSpanCarriesMoreThanTheLimit() {
    long seed = Long.getLong("godwit.seed", System.nanoTime());
    Random random = new Random(seed);
    long bytesPerSecond = 1L + random.nextInt(1 << 20);
    int most = 64 << 10;
    RateLimit limit = fake.limit(bytesPerSecond);
    long sent = 0;
    List<long[]> seen = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      int bytes = 1 + random.nextInt(most);
      limit.pace(bytes);
      sent += bytes;
      seen.add(new long[] {fake.elapsed(), sent});
      fake.now += random.nextInt((int) SLICE);
    }

    long[] from = {0, 0};
    for (int i = 0; i < seen.size(); i++) {
      long[] to = seen.get(i);
      double allowed = (to[0] - from[0]) / (double) SECOND * bytesPerSecond;
      assertThat((double) (to[1] - from[1]))
          .as("seed %d, call %d", seed, i)
          .isLessThanOrEqualTo(allowed + bytesPerSecond / 5.0 + 2 * most);
      if (i % 100 == 99) {
        from = to;
      }
    }
  }

  @Test
  void oneBytePerSecondIsALimitToo() {
    RateLimit limit = fake.limit(1);

    for (int i = 0; i < 6; i++) {
      limit.pace(1);
    }
    assertThat(fake.elapsed()).isBetween(4 * SECOND, 6 * SECOND);
  }

  @Test
  void aDebtOfMonthsIsWaitedForInPieces() {
    RateLimit limit = fake.limit(1);
    limit.pace(10_000_000);

    limit.pace(1);
    assertThat(fake.elapsed()).isBetween(9_999_999 * SECOND, 10_000_001 * SECOND);
    assertThat(fake.waits.get()).isBetween(2777, 2779);
  }

  @Test
  void theGreatestLimitIsNone() {
    RateLimit limit = fake.limit(Long.MAX_VALUE);

    for (int i = 0; i < 1000; i++) {
      limit.pace(1 << 30);
    }
    assertThat(fake.waits).hasValue(0);
  }

  @Test
  void aNewLimitHoldsAtOnce() {
    RateLimit limit = fake.limit(1000);
    limit.limit(10);
    assertThat(limit.bytesPerSecond()).isEqualTo(10);
    limit.pace(1);
    limit.pace(1);
    assertThat(fake.elapsed()).isEqualTo(SLICE);

    limit.limit(0);
    limit.pace(1 << 30);
    limit.pace(1 << 30);
    assertThat(fake.elapsed()).isEqualTo(SLICE);

    fake.now += SLICE / 2;
    limit.limit(100);
    limit.pace(10);
    limit.pace(1);
    assertThat(fake.elapsed()).isEqualTo(5 * SLICE / 2);
  }

  @Test
  void aNegativeLimitIsNone() {
    RateLimit limit = new RateLimit(1);

    assertThatThrownBy(() -> new RateLimit(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> limit.limit(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void cancelEndsAWaitAndAllLaterOnes() throws Exception {
    endsAWait(RateLimit::cancel);

    RateLimit limit = fake.limit(1);
    limit.cancel();
    limit.pace(1000);
    limit.pace(1000);
    assertThat(fake.waits).hasValue(0);
  }

  @Test
  void liftingTheLimitEndsAWait() throws Exception {
    endsAWait(limit -> limit.limit(0));
  }

  @Test
  void aGreaterLimitShortensAWait() throws Exception {
    endsAWait(limit -> limit.limit(Long.MAX_VALUE));
  }

  @Test
  void anInterruptDoesNotEndAWaitAndIsNotLost() throws Exception {
    boolean[] interrupted = {false};
    RateLimit limit = new RateLimit(1);
    limit.pace(1_000_000);
    Thread sender =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  limit.pace(1);
                  interrupted[0] = Thread.currentThread().isInterrupted();
                });
    untilItWaits(sender);
    sender.interrupt();
    untilItWaits(sender);
    limit.cancel();

    assertThat(sender.join(Duration.ofSeconds(10))).isTrue();
    assertThat(interrupted[0]).isTrue();
  }

  /** With the real clock, and debts of days. */
  private static void endsAWait(Consumer<RateLimit> how) throws Exception {
    RateLimit limit = new RateLimit(1);
    limit.pace(1_000_000);
    List<Thread> senders = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      senders.add(Thread.ofPlatform().daemon().start(() -> limit.pace(1)));
    }
    for (Thread sender : senders) {
      untilItWaits(sender);
    }

    how.accept(limit);

    for (Thread sender : senders) {
      assertThat(sender.join(Duration.ofSeconds(10))).isTrue();
    }
  }

  private static void untilItWaits(Thread thread) {
    long deadline = System.nanoTime() + 10 * SECOND;
    while (thread.getState() != Thread.State.TIMED_WAITING) {
      assertThat(System.nanoTime()).as("%s", thread.getState()).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
