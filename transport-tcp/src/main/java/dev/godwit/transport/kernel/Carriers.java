package dev.godwit.transport.kernel;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;

/**
 * Keeps the carriers of virtual threads free: a thread inside a system call holds its carrier, and
 * there are only as many as the machine has cores.
 */
final class Carriers {
  private Carriers() {}

  /**
   * Runs {@code wait} here, or on a platform thread of its own if this thread is virtual. That
   * costs some 50 µs, so bulk data belongs on platform threads. Interrupts are kept for later.
   */
  static <T> T keepFree(Supplier<T> wait) {
    if (!Thread.currentThread().isVirtual()) {
      return wait.get();
    }
    FutureTask<T> task = new FutureTask<>(wait::get);
    Thread.ofPlatform().daemon().name("godwit-wait").start(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw Libc.unexpected(e.getCause() == null ? e : e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
