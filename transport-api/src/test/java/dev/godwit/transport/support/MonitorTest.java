package dev.godwit.transport.support;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Deadline;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class MonitorTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Monitor monitor = new Monitor();

  @Test
  void aSignalThatCrossesAnInterruptIsNotLost() throws Exception {
    AtomicBoolean signalled = new AtomicBoolean();
    AtomicBoolean interrupted = new AtomicBoolean();
    Thread waiter = waiter(Deadline.after(Duration.ofDays(1)), signalled, interrupted);
    await(waiter, Thread.State.TIMED_WAITING);

    monitor.lock();
    try {
      waiter.interrupt();
      // It has left the condition now, and waits for the lock.
      await(waiter, Thread.State.WAITING);
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }

    assertThat(waiter.join(PATIENCE)).isTrue();
    assertThat(signalled).isTrue();
    assertThat(interrupted).isTrue();
  }

  @Test
  void anInterruptAloneEndsNoWait() throws Exception {
    AtomicBoolean signalled = new AtomicBoolean();
    AtomicBoolean interrupted = new AtomicBoolean();
    Thread waiter = waiter(Deadline.after(Duration.ofDays(1)), signalled, interrupted);
    await(waiter, Thread.State.TIMED_WAITING);

    monitor.lock();
    try {
      waiter.interrupt();
      await(waiter, Thread.State.WAITING);
    } finally {
      monitor.unlock();
    }
    await(waiter, Thread.State.TIMED_WAITING);
    assertThat(signalled).isFalse();

    monitor.lock();
    try {
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    assertThat(waiter.join(PATIENCE)).isTrue();
    assertThat(signalled).isTrue();
    assertThat(interrupted).isTrue();
  }

  private Thread waiter(Deadline deadline, AtomicBoolean signalled, AtomicBoolean interrupted) {
    return Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              monitor.lock();
              try {
                signalled.set(monitor.await(deadline));
              } finally {
                monitor.unlock();
              }
              interrupted.set(Thread.currentThread().isInterrupted());
            });
  }

  private static void await(Thread thread, Thread.State state) {
    Deadline deadline = Deadline.after(PATIENCE);
    while (thread.getState() != state) {
      assertThat(deadline.hasPassed()).as("%s is %s", thread, thread.getState()).isFalse();
      Thread.onSpinWait();
    }
  }
}
