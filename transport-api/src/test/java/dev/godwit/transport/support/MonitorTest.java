package dev.godwit.transport.support;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Deadline;
import dev.godwit.transport.testkit.Task;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MonitorTest {
  private final Monitor monitor = new Monitor();
  private boolean done;

  /** Waits until it is done or the deadline passed, and tells whether an interrupt is still set. */
  private Task<Boolean> waiting(Deadline deadline) {
    return Task.start(
        "wait",
        () -> {
          monitor.lock();
          try {
            while (!done && monitor.await(deadline)) {
              // Woken for something else.
            }
            return Thread.interrupted();
          } finally {
            monitor.unlock();
          }
        });
  }

  private void finish() {
    monitor.lock();
    try {
      done = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSignalWakesAndAnInterruptDoesNot(boolean bounded) {
    Task<Boolean> waiting =
        waiting(bounded ? Deadline.after(Duration.ofMinutes(5)) : Deadline.never());
    waiting.awaitBlocked();
    waiting.thread().interrupt();
    waiting.awaitBlocked();
    finish();
    assertThat(waiting.result()).as("the interrupt is kept").isTrue();
  }

  @Test
  void aDeadlineEndsTheWait() {
    assertThat(waiting(Deadline.after(Duration.ofMillis(5))).result()).isFalse();
    assertThat(done).isFalse();
  }
}
