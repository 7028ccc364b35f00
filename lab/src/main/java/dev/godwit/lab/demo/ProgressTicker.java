package dev.godwit.lab.demo;

import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Says some times a second how far a migration is, until closed. */
final class ProgressTicker implements Watch.Watching {
  private static final Duration INTERVAL = Duration.ofMillis(150);

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;

  ProgressTicker(Leg leg, SourceMigration migration, Consumer<String> show) {
    thread =
        Thread.ofVirtual().name("godwit-demo-progress").start(() -> tick(leg, migration, show));
  }

  private void tick(Leg leg, SourceMigration migration, Consumer<String> show) {
    try {
      do {
        show.accept(text(leg, migration.statistics(), migration.passes()));
      } while (!closed.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String text(Leg leg, MigrationStatistics now, long pass) {
    double done = 1 - (double) now.ramRemainingBytes() / Math.max(1, now.ramTotalBytes());
    double rate = now.totalSeconds() > 0 ? now.wireBytes() / now.totalSeconds() : 0;
    return String.format(
        Locale.ROOT,
        "%s  %3.0f %%  %,d MB  %,.0f MB/s  pass %d",
        leg,
        done * 100,
        now.wireBytes() / 1_000_000,
        rate / 1e6,
        pass);
  }

  @Override
  public void close() {
    closed.countDown();
    Uninterruptibly.join(thread);
  }
}
