package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.dirty.DirtyMemory;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.DirtyRuns;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.migration.guest.TinyGuest;
import dev.godwit.transport.testkit.Await;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DirtyLimitTest {
  private static final Duration SHORT = Duration.ofMillis(5);
  private static final Duration FOREVER = Duration.ofDays(1000);

  /** Dirties in proportion to the time that has passed and to what the throttle leaves of it. */
  private static final class SteadyGuest implements Guest, DirtyLog {
    private static final int PAGE = 4096;

    private final RamBlock ram =
        new RamBlock("ram", MemorySegment.ofArray(new byte[64 * PAGE]), PAGE);
    private final double bytesPerSecond;
    private long last;
    private double owed;
    private volatile int percent;
    private volatile boolean logging;
    private volatile @Nullable GuestException failing;

    SteadyGuest(double bytesPerSecond) {
      this.bytesPerSecond = bytesPerSecond;
    }

    @Override
    public String machine() {
      return "steady-1";
    }

    @Override
    public List<RamBlock> ramBlocks() {
      return List.of(ram);
    }

    @Override
    public DirtyLog dirtyLog() {
      return this;
    }

    @Override
    public List<GuestDevice> devices() {
      return List.of();
    }

    @Override
    public boolean isRunning() {
      return true;
    }

    @Override
    public void pause() {}

    @Override
    public void resume() {}

    @Override
    public synchronized void throttle(int percent) {
      write();
      this.percent = percent;
    }

    @Override
    public synchronized void start() {
      last = System.nanoTime();
      owed = 0;
      logging = true;
    }

    @Override
    public void stop() {
      logging = false;
    }

    @Override
    public boolean isAtomic() {
      return true;
    }

    private void write() {
      long now = System.nanoTime();
      owed += (now - last) * 1e-9 * bytesPerSecond * (100 - percent) / 100;
      last = now;
    }

    @Override
    public synchronized void takeAndClear(int block, DirtyRuns found) throws GuestException {
      GuestException failure = failing;
      if (failure != null) {
        throw failure;
      }
      write();
      while (owed >= PAGE) {
        long length = Math.min((long) owed, ram.lengthBytes()) & -PAGE;
        found.run(0, length);
        owed -= length;
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 100, 0, 0", // It does nothing, and was not throttled.
    "100, 100, 0, 0", // Just at the limit.
    "101, 100, 0, 1", // A little above it.
    "200, 100, 0, 50",
    "1000, 100, 0, 90",
    "1e12, 100, 0, 99", // No throttle is enough.
    "200, 100, 50, 75", // It would do 400.
    "100, 100, 50, 50",
    "50, 100, 50, 25", // It would do 100, but half of the way is enough for once.
    "10, 100, 1, 0",
    "0, 100, 99, 49",
    "99, 100, 90, 90",
    "1e12, 9223372036854775807, 0, 0",
    "1000, 100, 99, 99"
  })
  void theThrottleGoesToWhereTheRateWouldBeTheLimit(
      double rate, long limit, int percent, int expected) {
    assertThat(DirtyLimit.next(rate, limit, percent)).isEqualTo(expected);
  }

  @Test
  void fromAnywhereItComesToRestCloselyUnderTheLimit() {
    for (double free : new double[] {1, 99, 100, 101, 150, 333, 1000, 5000, 9999}) {
      for (int begin = 0; begin <= 99; begin++) {
        int percent = begin;
        for (int i = 0; i < 10; i++) {
          percent = DirtyLimit.next(free * (100 - percent) / 100, 100, percent);
        }
        int rest = percent;
        assertThat(free * (100 - rest) / 100).as("%s from %d", free, begin).isLessThan(100.0001);
        assertThat(rest == 0 || free * (100 - rest + 2) / 100 > 100)
            .as("%s from %d throttles by no more than it has to: %d", free, begin, rest)
            .isTrue();
      }
    }
  }

  @Test
  void aGuestIsHeldUnderItsLimit() throws Exception {
    SteadyGuest guest = new SteadyGuest(1e9);
    try (DirtyLimit limit = new DirtyLimit(new DirtyMemory(guest), guest, 200_000_000, SHORT)) {
      Await.until(
          "the rate comes to rest at the limit",
          () ->
              limit.throttlePercent() >= 79
                  && limit.throttlePercent() <= 82
                  && limit.rate() > 150e6
                  && limit.rate() < 205e6,
          () -> limit.throttlePercent() + " % at " + limit.rate());
      assertThat(guest.logging).isTrue();
      assertThat(limit.failure()).isEmpty();
    }
    assertThat(guest.percent).isZero();
    assertThat(guest.logging).isFalse();
  }

  @Test
  void aGuestUnderTheLimitRunsFreely() throws Exception {
    SteadyGuest guest = new SteadyGuest(50e6);
    try (DirtyLimit limit = new DirtyLimit(new DirtyMemory(guest), guest, 1L << 40, SHORT)) {
      Await.until("a rate is measured", () -> limit.rate() > 0);
      assertThat(limit.throttlePercent()).isZero();
    }
  }

  @Test
  void aLimitOutOfReachTakesTheMost() throws Exception {
    try (TinyGuest guest = new TinyGuest(1)) {
      guest.resume();
      DirtyLimit limit = new DirtyLimit(new DirtyMemory(guest), guest, 1, SHORT);
      Await.until("it takes the most", () -> limit.throttlePercent() == 99);
      assertThat(guest.isRunning()).isTrue();
      limit.close();
      assertThat(limit.failure()).isEmpty();
      assertThat(guest.isRunning()).isTrue();
    }
  }

  @Test
  void closingWaitsForNoPeriodAndIsDoneOnce() throws Exception {
    SteadyGuest guest = new SteadyGuest(1e9);
    DirtyLimit limit = new DirtyLimit(new DirtyMemory(guest), guest, 1, FOREVER);
    limit.close();
    assertThat(guest.logging).isFalse();
    guest.throttle(30);
    limit.close();
    assertThat(guest.percent).isEqualTo(30);
  }

  @Test
  void aGuestThatFailsIsToldOf() throws Exception {
    SteadyGuest guest = new SteadyGuest(1e9);
    GuestException failure = new GuestException("The log is broken");
    DirtyLimit limit = new DirtyLimit(new DirtyMemory(guest), guest, 1000, SHORT);
    Await.until("it is throttled", () -> limit.throttlePercent() > 0);
    guest.failing = failure;
    Await.until("the failure is seen", () -> limit.failure().isPresent());
    assertThat(limit.failure()).containsSame(failure);
    limit.close();
    assertThat(guest.percent).isZero();
    assertThat(guest.logging).isFalse();
  }

  @Test
  void limitsThatAreNoneAreRefused() {
    SteadyGuest guest = new SteadyGuest(1);
    DirtyMemory memory = new DirtyMemory(guest);
    assertThatThrownBy(() -> new DirtyLimit(memory, guest, 0, SHORT))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new DirtyLimit(memory, guest, 1, Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(guest.logging).isFalse();
  }
}
