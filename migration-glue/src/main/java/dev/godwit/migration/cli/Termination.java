package dev.godwit.migration.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What happens on Ctrl-C or a request to terminate: the work is told to end in order and gets time
 * for it. The JVM then exits with 130 or 143.
 */
public final class Termination implements AutoCloseable {
  /** Longer than any orderly cancel; a second signal does not wait for it. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final CountDownLatch done = new CountDownLatch(1);
  private final AtomicBoolean asked = new AtomicBoolean();
  private final Thread hook;

  private Termination(Runnable cancel) {
    hook =
        Thread.ofPlatform()
            .name("godwit-terminate")
            .unstarted(
                () -> {
                  asked.set(true);
                  cancel.run();
                  try {
                    boolean ended = done.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
                    if (!ended) {
                      System.err.println(
                          "godwit: could not end in order within " + PATIENCE.toSeconds() + " s");
                    }
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
  }

  /** From now on until closed, {@code cancel} runs once when the process is asked to end. */
  public static Termination calls(Runnable cancel) {
    Termination termination = new Termination(cancel);
    Runtime.getRuntime().addShutdownHook(termination.hook);
    return termination;
  }

  /**
   * Runs {@code cancel} now if the process was asked to end before there was anything to cancel.
   */
  public void check(Runnable cancel) {
    if (asked.get()) {
      cancel.run();
    }
  }

  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending already; the hook has been let go above.
      done.countDown();
    }
  }
}
