package dev.godwit.migration.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Says twice a second how many bytes have crossed and how fast, until closed. */
final class RateTicker implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofMillis(500);

  private final LongSupplier bytes;
  private final Consumer<String> show;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;

  private RateTicker(LongSupplier bytes, Consumer<String> show) {
    this.bytes = bytes;
    this.show = show;
    this.thread = Thread.ofVirtual().name("godwit-progress").unstarted(this::tick);
  }

  static RateTicker start(LongSupplier bytes, Consumer<String> show) {
    RateTicker ticker = new RateTicker(bytes, show);
    ticker.thread.start();
    return ticker;
  }

  private void tick() {
    long before = 0;
    long since = System.nanoTime();
    try {
      while (!closed.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS)) {
        long now = bytes.getAsLong();
        long at = System.nanoTime();
        if (now > 0) {
          double rate = (now - before) * 1e9 / (at - since);
          show.accept(
              String.format(Locale.ROOT, "%,d MB  %,.0f MB/s", now / 1_000_000, rate / 1e6));
        }
        before = now;
        since = at;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
