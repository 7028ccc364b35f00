package dev.godwit.migration.drive;

import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.proxy.Proxy;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuEvent;
import dev.godwit.migration.qemu.QemuEvents;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Listener;
import dev.godwit.transport.ShortcutProvider;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What driving a source and driving a destination have in common: a proxy for one migration beside
 * a monitor that is asked again and again.
 */
final class Drive implements AutoCloseable {
  /** How long QEMU may take to answer one command. */
  static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration CLOSE = Duration.ofSeconds(10);

  private final QemuMonitor monitor;
  private final QemuEvents events;
  private final Proxy proxy;
  private final CompletableFuture<Optional<MigrationReport>> carried = new CompletableFuture<>();
  private final Consumer<Progress> watcher;
  private final long startNanos = System.nanoTime();
  private @Nullable MigrationStatus status;
  private @Nullable Instant stopped;
  private @Nullable Instant resumed;
  private long rateNanos = startNanos;
  private long rateBytes;
  private long bytesPerSecond;
  private boolean started;

  Drive(
      QemuMonitor monitor,
      Listener listener,
      Proxy.Target target,
      ShortcutProvider shortcuts,
      ProxyOptions options,
      Consumer<Progress> watcher)
      throws QmpException {
    this.monitor = monitor;
    this.watcher = watcher;
    this.events = monitor.events();
    this.proxy = new Proxy(listener, target, shortcuts, options, report -> {});
  }

  /** Begins to carry. */
  void start() {
    started = true;
    Thread.ofPlatform()
        .name("godwit-proxy")
        .daemon()
        .start(
            () -> {
              try {
                carried.complete(proxy.run(true));
              } catch (RuntimeException | Error e) {
                carried.completeExceptionally(e);
              }
            });
  }

  /** Breaks everything that is carried. */
  void abort(Throwable cause) {
    proxy.abort(cause);
  }

  /** What was carried, once that has ended. */
  Optional<MigrationReport> carried() {
    return carried.isDone() ? carried.join() : Optional.empty();
  }

  /** Waits until nothing is carried any more. */
  Optional<MigrationReport> awaitCarried(Duration patience) throws InterruptedException {
    try {
      return carried.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return Optional.empty();
    } catch (ExecutionException e) {
      throw new IllegalStateException("The proxy failed", e.getCause());
    }
  }

  /**
   * Whether the proxy has delivered a whole stream, all of which the destination may still be
   * loading.
   */
  boolean isWholeStreamDelivered() {
    return proxy.isWholeStreamDelivered();
  }

  int multifdChannels() {
    return proxy.multifdChannels();
  }

  /** Whether the destination may run the guest, as far as the bytes tell. */
  boolean mayHaveArrived() {
    return carried().map(MigrationReport::arrived).orElse(isWholeStreamDelivered());
  }

  long bytes() {
    return proxy.bytes();
  }

  Optional<MigrationStatus> status() {
    return Optional.ofNullable(status);
  }

  Optional<Instant> stopped() {
    return Optional.ofNullable(stopped);
  }

  Optional<Instant> resumed() {
    return Optional.ofNullable(resumed);
  }

  long bytesPerSecond() {
    return bytesPerSecond;
  }

  Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - startNanos);
  }

  /** Waits a little, or until QEMU reports something, then asks how far the migration is. */
  MigrationStatus poll() throws QmpException {
    events.next(Deadline.after(POLL)).ifPresent(this::note);
    MigrationStatus now = monitor.queryMigrate(Deadline.after(PATIENCE));
    // After the answer, since whoever decides by it must know of all that came before it.
    noteAll();
    status = now;
    watcher.accept(progress(now));
    return now;
  }

  private void noteAll() throws QmpException {
    Optional<QemuEvent> event = events.next(Deadline.after(Duration.ZERO));
    while (event.isPresent()) {
      note(event.get());
      event = events.next(Deadline.after(Duration.ZERO));
    }
  }

  private void note(QemuEvent event) {
    switch (event) {
      case QemuEvent.Stopped at -> stopped = at.at();
      case QemuEvent.Resumed at -> resumed = at.at();
      default -> {}
    }
  }

  private Progress progress(MigrationStatus now) {
    long bytes = bytes();
    long at = System.nanoTime();
    if (at - rateNanos >= TimeUnit.SECONDS.toNanos(1)) {
      bytesPerSecond = (long) ((bytes - rateBytes) * 1e9 / (at - rateNanos));
      rateNanos = at;
      rateBytes = bytes;
    }
    Optional<RamProgress> ram = now.ram();
    return new Progress(
        now.state(),
        ram.map(RamProgress::cleanShare),
        bytes,
        bytesPerSecond,
        ram.map(RamProgress::dirtyBytesPerSecond).orElse(0L),
        now.state() == MigrationState.COMPLETED ? Optional.empty() : now.times().expectedDowntime(),
        ram.map(RamProgress::pass).orElse(0L));
  }

  @Override
  public void close() throws ChannelException {
    events.close();
    proxy.abort(new ChannelException.Aborted("The migration has ended", null));
    if (started) {
      try {
        awaitCarried(CLOSE);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    proxy.close();
  }
}
