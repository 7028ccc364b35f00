package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

final class HandleTest {
  private static final int ROUNDS = 500;
  private static final int THREADS = 4;

  @Test
  void thePointerIsHadByEntering() throws IOException {
    Handle handle = new Handle("thing", 42);

    assertThat(handle.enter()).isEqualTo(42);
    handle.leave();
  }

  @Test
  void onceDestroyedNobodyEnters() throws IOException {
    Handle handle = new Handle("thing", 42);
    List<Long> destroyed = new ArrayList<>();

    assertThat(handle.destroy("destroy_thing", destroyed::add)).isTrue();
    assertThat(handle.destroy("destroy_thing", destroyed::add)).isFalse();

    assertThat(destroyed).containsExactly(42L);
    assertThat(handle.isOpen()).isFalse();
    assertThat(handle.tryEnter()).isFalse();
    assertThatThrownBy(handle::enter)
        .isInstanceOf(ClosedHandleException.class)
        .hasMessage("The thing is closed");
  }

  @Test
  void whatOthersAreBuiltOnIsNotDestroyed() throws IOException {
    Handle handle = new Handle("thing", 42);
    handle.enter();
    handle.adopt();
    handle.adopt();
    handle.leave();

    assertThatThrownBy(() -> handle.destroy("destroy_thing", pointer -> {}))
        .isInstanceOfSatisfying(
            ChannelException.Native.class,
            failure -> {
              assertThat(failure.call()).isEqualTo("destroy_thing");
              assertThat(failure.errno()).isEqualTo(Libc.EBUSY);
            })
        .hasMessage("The thing is still used by 2 others: Device or resource busy");
    assertThat(handle.isOpen()).isTrue();

    handle.release();
    handle.release();
    assertThat(handle.destroy("destroy_thing", pointer -> {})).isTrue();
  }

  @Test
  void ifItCannotBeDestroyedItStays() throws IOException {
    Handle handle = new Handle("thing", 42);

    assertThatThrownBy(
            () ->
                handle.destroy(
                    "destroy_thing",
                    pointer -> {
                      throw new IOException("No");
                    }))
        .hasMessage("No");

    assertThat(handle.enter()).isEqualTo(42);
    handle.leave();
    assertThat(handle.destroy("destroy_thing", pointer -> {})).isTrue();
  }

  @Test
  void whoIsInsideIsToldAndWaitedFor() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    CountDownLatch inside = new CountDownLatch(1);
    AtomicBoolean left = new AtomicBoolean();
    Handle handle = new Handle("thing", 42, told::countDown);
    Thread user =
        Thread.ofPlatform()
            .start(
                () -> {
                  if (handle.tryEnter()) {
                    inside.countDown();
                    awaitUninterrupted(told);
                    left.set(true);
                    handle.leave();
                  }
                });
    inside.await();

    handle.destroy("destroy_thing", pointer -> assertThat(left).isTrue());

    user.join();
  }

  @Test
  void whoIsInsideMayStillBuildOnIt() throws IOException {
    AtomicReference<Handle> self = new AtomicReference<>();
    Handle handle =
        new Handle(
            "thing",
            42,
            () -> {
              self.get().adopt();
              self.get().leave();
            });
    self.set(handle);
    handle.enter();
    List<Long> destroyed = new ArrayList<>();

    assertThatThrownBy(() -> handle.destroy("destroy_thing", destroyed::add))
        .isInstanceOf(ChannelException.Native.class)
        .hasMessageStartingWith("The thing is still used by 1 others");

    assertThat(destroyed).isEmpty();
    assertThat(handle.isOpen()).isTrue();
  }

  /** Somebody builds on it while it is closed: either that fails, or the destruction does. */
  @Test
  void nobodyIsEverInsideOfWhatIsDestroyed() throws Exception {
    for (int round = 0; round < ROUNDS; round++) {
      Handle handle = new Handle("thing", 42);
      AtomicBoolean gone = new AtomicBoolean();
      AtomicInteger inGone = new AtomicInteger();
      CountDownLatch begin = new CountDownLatch(1);
      List<Thread> users = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        boolean builds = i == 0;
        users.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      awaitUninterrupted(begin);
                      while (handle.tryEnter()) {
                        if (gone.get()) {
                          inGone.incrementAndGet();
                        }
                        if (builds) {
                          handle.adopt();
                        }
                        handle.leave();
                        if (builds) {
                          if (gone.get()) {
                            inGone.incrementAndGet();
                          }
                          handle.release();
                        }
                      }
                    }));
      }
      begin.countDown();
      while (!destroyed(handle, gone)) {
        Thread.onSpinWait();
      }
      for (Thread user : users) {
        user.join();
      }
      assertThat(inGone).as("round %d", round).hasValue(0);
    }
  }

  private static boolean destroyed(Handle handle, AtomicBoolean gone) {
    try {
      return handle.destroy("destroy_thing", pointer -> gone.set(true));
    } catch (IOException e) {
      return false;
    }
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
