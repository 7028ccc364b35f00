package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Task;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

final class SourceClockTest {

  @Test
  void nothingItSaysGetsLessAtTheEnd() throws Exception {
    for (int i = 0; i < 2_000; i++) {
      SourceClock clock = new SourceClock();
      clock.begin();
      AtomicBoolean ended = new AtomicBoolean();
      CountDownLatch looked = new CountDownLatch(1);
      Task<Double> looks =
          Task.start(
              "look",
              () -> {
                double last = clock.totalSeconds();
                while (!ended.get()) {
                  last = Math.max(last, clock.totalSeconds());
                  looked.countDown();
                }
                return last;
              });
      looked.await();
      clock.end();
      ended.set(true);

      assertThat(looks.result()).isLessThanOrEqualTo(clock.totalSeconds());
    }
  }
}
