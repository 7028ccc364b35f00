package dev.godwit.transport.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A thread of a test and what becomes of it. Whoever starts one asks for its result or its failure.
 *
 * @param <T> what it returns
 */
public final class Task<T> {
  private static final int SAME_STACKS_MEAN_BLOCKED = 5;

  private final FutureTask<T> future;
  private final Thread thread;

  private Task(FutureTask<T> future, Thread thread) {
    this.future = future;
    this.thread = thread;
  }

  /** Runs {@code body} on a platform thread. */
  public static <T> Task<T> start(String name, Callable<T> body) {
    FutureTask<T> future = new FutureTask<>(body);
    return new Task<>(future, Thread.ofPlatform().daemon().name(name).start(future));
  }

  /** Runs {@code body} on a virtual thread. */
  public static <T> Task<T> startVirtual(String name, Callable<T> body) {
    FutureTask<T> future = new FutureTask<>(body);
    return new Task<>(future, Thread.ofVirtual().name(name).start(future));
  }

  public Thread thread() {
    return thread;
  }

  public boolean isDone() {
    return future.isDone();
  }

  /**
   * Returns once the thread stands still: its stack did not change over several looks, wherever it
   * waits (a park, a system call). Fails if it ended instead.
   */
  public void awaitBlocked() {
    assertThat(endsWithoutBlocking())
        .as("%s ended instead of blocking: %s", thread.getName(), future)
        .isFalse();
  }

  /** Returns once the thread has ended or stands still, and says which: true if it has ended. */
  public boolean endsWithoutBlocking() {
    StackTraceElement[][] last = {new StackTraceElement[0]};
    int[] same = {0};
    Await.until(
        thread.getName() + " ends or blocks",
        () -> {
          StackTraceElement[] now = thread.getStackTrace();
          boolean unchanged = now.length > 0 && Arrays.equals(now, last[0]);
          same[0] = unchanged ? same[0] + 1 : 0;
          last[0] = now;
          return future.isDone() || same[0] >= SAME_STACKS_MEAN_BLOCKED;
        });
    return future.isDone();
  }

  /** What it returned; fails with what it threw, or if it does not end. */
  public T result() {
    try {
      return await();
    } catch (ExecutionException e) {
      throw new AssertionError(thread.getName() + " failed", e.getCause());
    }
  }

  /** What it threw; fails if it returned instead, or does not end. */
  public Throwable failure() {
    try {
      T result = await();
      throw new AssertionError(thread.getName() + " returned " + result + " and did not fail");
    } catch (ExecutionException e) {
      return Objects.requireNonNull(e.getCause());
    }
  }

  private T await() throws ExecutionException {
    Duration limit = Await.LIMIT;
    try {
      return Objects.requireNonNull(future.get(limit.toSeconds(), TimeUnit.SECONDS));
    } catch (TimeoutException e) {
      AssertionError hang =
          new AssertionError(thread.getName() + " hangs after " + limit.toSeconds() + " s");
      hang.setStackTrace(thread.getStackTrace());
      throw hang;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("Interrupted while waiting for " + thread.getName(), e);
    }
  }
}
