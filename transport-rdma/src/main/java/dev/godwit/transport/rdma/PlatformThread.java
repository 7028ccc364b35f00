package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Uninterruptibly;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Calls that wait for descriptors: a virtual thread would hold its carrier meanwhile. */
final class PlatformThread {
  /**
   * A call that waits.
   *
   * @param <T> what it returns
   */
  interface Call<T> {
    T run() throws ChannelException;
  }

  private record Outcome<T>(@Nullable T result, @Nullable Throwable failure) {}

  private PlatformThread() {}

  /** Runs {@code call} here if this is a platform thread, else on one of its own. */
  static <T> T run(String name, Call<T> call) throws ChannelException {
    if (!Thread.currentThread().isVirtual()) {
      return call.run();
    }
    AtomicReference<@Nullable Outcome<T>> outcome = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .daemon()
            .name(name)
            .start(
                () -> {
                  try {
                    outcome.set(new Outcome<>(call.run(), null));
                  } catch (ChannelException | RuntimeException | Error e) {
                    outcome.set(new Outcome<>(null, e));
                  }
                });
    Uninterruptibly.join(thread);
    Outcome<T> ended = outcome.get();
    if (ended != null && ended.result() != null) {
      return ended.result();
    }
    switch (ended == null ? null : ended.failure()) {
      case ChannelException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> throw new IllegalStateException("The thread " + name + " ended early");
    }
  }
}
