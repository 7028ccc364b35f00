package dev.godwit.migration.qmp;

import java.time.Duration;
import java.util.concurrent.ExecutionException;

/** How failures are repeated to each waiter, and how spans of time are worded in them. */
final class QmpFailures {
  private QmpFailures() {}

  /** The same failure for one more caller, with that caller's stack and the first as its cause. */
  static QmpException again(QmpException first) {
    String message = String.valueOf(first.getMessage());
    return switch (first) {
      case QmpException.Gone gone -> new QmpException.Gone(message, gone);
      case QmpException.NotQmp notQmp -> new QmpException.NotQmp(message, notQmp);
      case QmpException.Unreachable unreachable ->
          new QmpException.Unreachable(message, unreachable);
      case QmpException.Busy _,
          QmpException.Refused _,
          QmpException.TimedOut _,
          QmpException.MainLoopStuck _,
          QmpException.Closed _,
          QmpException.Interrupted _ ->
          new QmpException.Closed(message, first);
    };
  }

  /** {@link #again(QmpException)} for what a future was failed with. */
  static QmpException again(ExecutionException failed) {
    return failed.getCause() instanceof QmpException first
        ? again(first)
        : new QmpException.Closed("The connection failed: " + failed.getMessage(), failed);
  }

  static QmpException interrupted(String message, InterruptedException cause) {
    Thread.currentThread().interrupt();
    return new QmpException.Interrupted(message, cause);
  }

  /** The time since {@code startNanos} of {@link System#nanoTime}, worded for a sentence. */
  static String since(long startNanos) {
    Duration span = Duration.ofNanos(System.nanoTime() - startNanos);
    long millis = span.toMillis();
    return millis < 1000 ? millis + " ms" : (millis + 500) / 1000 + " s";
  }
}
