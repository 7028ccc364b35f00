package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class WaitTest {
  @Test
  void withoutARingItEndsAtTheDeadline() throws IOException {
    try (Wait wait = Wait.ofNothing()) {
      long begin = System.nanoTime();

      assertThat(wait.await(Deadline.after(Duration.ofMillis(30)))).isFalse();

      assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(30_000_000L);
      assertThat(wait.awaitNanos(0)).isFalse();
      assertThat(wait.awaitNanos(-1)).isFalse();
    }
  }

  @Test
  void aRingEndsTheNextWaitAndNoOther() throws IOException {
    try (Wait wait = Wait.ofNothing()) {
      wait.ring();
      wait.ring();

      assertThat(wait.await(Deadline.never())).isTrue();
      assertThat(wait.awaitNanos(0)).isFalse();
    }
  }

  @Test
  void anotherThreadEndsTheWait() throws Exception {
    try (Wait wait = Wait.ofNothing()) {
      Thread ringer = Thread.ofPlatform().start(wait::ring);

      assertThat(wait.awaitNanos(Long.MAX_VALUE)).isTrue();
      ringer.join();
    }
  }

  @Test
  void closingEndsTheWaitAndThenNothingWaits() throws Exception {
    Wait wait = Wait.ofNothing();
    CountDownLatch begun = new CountDownLatch(1);
    AtomicReference<Throwable> end = new AtomicReference<>();
    Thread waiter =
        Thread.ofPlatform()
            .start(
                () -> {
                  begun.countDown();
                  try {
                    while (true) {
                      wait.await(Deadline.never());
                    }
                  } catch (IOException e) {
                    end.set(e);
                  }
                });
    begun.await();

    wait.close();
    wait.close();
    wait.ring();

    waiter.join();
    assertThat(end.get()).isInstanceOf(ClosedHandleException.class);
    assertThatThrownBy(() -> wait.awaitNanos(0)).isInstanceOf(ClosedHandleException.class);
  }

  @Test
  void theChannelThatIsReadyIsKnown() throws Exception {
    int first = Libc.eventfd();
    int second = Libc.eventfd();
    Pollable quiet = new Pollable("quiet one", first, first);
    Pollable loud = new Pollable("loud one", second, second);
    try (Wait wait = Wait.ofNothing()) {
      assertThat(wait.add(quiet)).isZero();
      assertThat(wait.add(loud)).isEqualTo(1);
      assertThat(wait.awaitNanos(0)).isFalse();

      ring(second);

      assertThat(wait.await(Deadline.never())).isTrue();
      assertThat(wait.isReady(0)).isFalse();
      assertThat(wait.isReady(1)).isTrue();
      assertThatThrownBy(() -> wait.isReady(2)).isInstanceOf(IndexOutOfBoundsException.class);
    }
    Libc.close(first);
    Libc.close(second);
  }

  private static void ring(int eventfd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Foreign.ERRNO_BYTES, Long.BYTES);
      long one = arena.allocateFrom(ValueLayout.JAVA_LONG, 1).address();
      assertThat(Libc.write(errno, eventfd, one, Long.BYTES)).isEqualTo(Long.BYTES);
    }
  }

  @Test
  void aChannelThatIsDestroyedEndsTheWait() throws Exception {
    int fd = Libc.eventfd();
    Pollable pollable = new Pollable("channel", fd, fd);
    CountDownLatch begun = new CountDownLatch(1);
    AtomicReference<Throwable> end = new AtomicReference<>();
    try (Wait wait = Wait.ofNothing()) {
      wait.add(pollable);
      Thread waiter =
          Thread.ofPlatform()
              .start(
                  () -> {
                    begun.countDown();
                    try {
                      while (true) {
                        wait.await(Deadline.never());
                      }
                    } catch (IOException e) {
                      end.set(e);
                    }
                  });
      begun.await();

      pollable.handle().destroy("close", pointer -> Libc.close((int) pointer));

      waiter.join();
    }
    assertThat(end.get())
        .isInstanceOf(ClosedHandleException.class)
        .hasMessage("The channel is closed");
  }

  @Test
  void onlyOneThreadWaits() throws Exception {
    try (Wait wait = Wait.ofNothing()) {
      AtomicReference<Throwable> end = new AtomicReference<>();
      Thread waiter =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      awaitWhenFree(wait);
                    } catch (IOException e) {
                      end.set(e);
                    }
                  });
      while (refusesNobody(wait)) {
        Thread.onSpinWait();
      }
      wait.ring();
      waiter.join();
      assertThat(end).hasNullValue();
    }
  }

  private static void awaitWhenFree(Wait wait) throws IOException {
    while (true) {
      try {
        wait.await(Deadline.never());
        return;
      } catch (IllegalStateException e) {
        Thread.onSpinWait();
      }
    }
  }

  private static boolean refusesNobody(Wait wait) throws IOException {
    try {
      wait.awaitNanos(0);
      return true;
    } catch (IllegalStateException e) {
      return false;
    }
  }

  @Test
  void asManyChannelsAsFitAreWaitedFor() throws Exception {
    int fd = Libc.eventfd();
    Pollable pollable = new Pollable("channel", fd, fd);
    try (Wait wait = Wait.ofNothing()) {
      for (int i = 0; i < 8; i++) {
        wait.add(pollable);
      }
      assertThatThrownBy(() -> wait.add(pollable)).isInstanceOf(IllegalStateException.class);
      assertThat(wait.awaitNanos(0)).isFalse();
    }
    Libc.close(fd);
  }
}
