package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.migration.proxy.CarriedChannel.Direction;
import dev.godwit.migration.proxy.CarriedChannel.State;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.ShortcutProvider;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries one migration after another from a listener to a target.
 *
 * <p>A migration begins when recognised bytes arrive on any connection; from then on one connection
 * downstream is made for each accepted one, in accept order, each established before the next,
 * because a 7.2 destination takes the first for the main channel (qemu-wire.md §4.2). An empty
 * connection kills a destination (qemu-wire.md §10), so a silent one is joined in two cases only:
 * once, as the main channel that a 10.0 source leaves silent at first, after a grace in which a
 * mere probe would have gone away again; and as a preempt channel, once postcopy was announced.
 *
 * <p>The thread that calls {@link #run} decides everything. {@link #abort} and {@link #bytes} may
 * be called by any.
 */
public final class Proxy implements AutoCloseable, CarriedChannel.Reports {
  private static final Logger LOG = LoggerFactory.getLogger(Proxy.class);

  /**
   * QEMU opens at most one main, 255 multifd and one preempt channel; twice that leaves room for a
   * second source to be refused.
   */
  private static final int MAX_CONNECTIONS = 2 * 257;

  private static final Duration TICK = Duration.ofMillis(100);

  /** Where a migration goes: a dialer for each, since one dialer is one migration. */
  @FunctionalInterface
  public interface Target {
    Dialer open() throws ChannelException;
  }

  private final Listener listener;
  private final Target target;
  private final ShortcutProvider shortcuts;
  private final ProxyOptions options;
  private final Consumer<MigrationReport> reports;
  private final BlockingQueue<Runnable> events = new LinkedBlockingQueue<>();
  private final WaitingChannels waiting = new WaitingChannels();
  private final Acceptor acceptor;
  private volatile @Nullable CarriedMigration migration;
  private volatile @Nullable Throwable aborted;
  private boolean acceptEnded;
  private boolean flooded;
  private boolean over;

  /**
   * @param listener where sources connect; the proxy owns it from now on
   * @param target where each migration goes
   * @param shortcuts knows quicker ways from a source's connection to its twin
   * @param reports told the end of each migration, on the thread that runs the proxy
   */
  public Proxy(
      Listener listener,
      Target target,
      ShortcutProvider shortcuts,
      ProxyOptions options,
      Consumer<MigrationReport> reports) {
    this.listener = listener;
    this.target = target;
    this.shortcuts = shortcuts;
    this.options = options;
    this.reports = reports;
    this.acceptor =
        new Acceptor(
            listener,
            up -> events.add(() -> accepted(up)),
            () -> events.add(() -> acceptEnded = true));
  }

  /**
   * Carries until aborted, or until the first migration has ended. Listens no longer when it
   * returns, and holds no connection: a source that is left waiting would wait for ever.
   *
   * @param once return after one migration
   * @return that one's report, or empty if aborted before one ended
   */
  public Optional<MigrationReport> run(boolean once) {
    acceptor.start();
    try {
      return decide(once);
    } catch (RuntimeException | Error e) {
      // Whatever is wrong here, no source may be left waiting.
      abort(e);
      cutOff(e);
      throw e;
    } finally {
      endAccepting();
    }
  }

  /** Drops whoever came too late to be carried. */
  private void endAccepting() {
    Throwable cause = new ChannelException.Aborted("The proxy has ended", aborted);
    over = true;
    acceptor.end(cause);
    acceptor.join();
    for (Runnable event = events.poll(); event != null; event = events.poll()) {
      event.run();
    }
    waiting.clear().forEach(channel -> drop(channel, cause));
    try {
      listener.close();
    } catch (ChannelException e) {
      LOG.warn("Could not end listening at {}: {}", listener.local(), e.getMessage());
    }
  }

  private Optional<MigrationReport> decide(boolean once) {
    boolean cutOff = false;
    while (true) {
      step();
      Throwable cause = aborted;
      if (cause != null && !cutOff) {
        cutOff = true;
        cutOff(cause);
      }
      CarriedMigration current = migration;
      if (current != null && current.isOver()) {
        MigrationReport report = finish(current);
        if (once || cutOff) {
          return Optional.of(report);
        }
      }
      if (migration == null && (cutOff || (acceptEnded && waiting.all().isEmpty()))) {
        return Optional.empty();
      }
    }
  }

  private void cutOff(Throwable cause) {
    waiting.clear().forEach(channel -> drop(channel, cause));
    CarriedMigration current = migration;
    if (current != null) {
      current.cut("Given up: " + cause.getMessage(), cause);
    }
  }

  /** Ends {@link #run} soon and breaks what it carries; any thread, never blocks. */
  public void abort(Throwable cause) {
    aborted = cause;
    acceptor.end(cause);
    events.add(() -> {});
  }

  /** Bytes that the migration under way has moved from source to destination. */
  public long bytes() {
    CarriedMigration current = migration;
    return current == null
        ? 0
        : current.channels().stream().mapToLong(CarriedChannel::forwardBytes).sum();
  }

  /** How many multifd channels the migration under way has so far; any thread. */
  public int multifdChannels() {
    CarriedMigration current = migration;
    return current == null
        ? 0
        : (int)
            current.channels().stream()
                .filter(c -> c.role() instanceof ChannelRole.Multifd)
                .count();
  }

  /**
   * Whether all of the main stream of the migration under way has been handed to the destination;
   * any thread.
   */
  public boolean isWholeStreamDelivered() {
    CarriedMigration current = migration;
    return current != null && current.main().map(m -> m.tail().isEndOfDescription()).orElse(false);
  }

  @Override
  public void close() throws ChannelException {
    listener.close();
  }

  private void step() {
    try {
      Runnable event = events.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
      while (event != null) {
        event.run();
        event = events.poll();
      }
    } catch (InterruptedException e) {
      abort(e);
    }
    tick();
  }

  /** What only time brings. */
  private void tick() {
    CarriedMigration current = migration;
    for (CarriedChannel channel : waiting.all()) {
      if (channel.ageNanos() > options.firstBytes().toNanos()) {
        if (channel.role() instanceof ChannelRole.Silent) {
          refuse(channel, "it said nothing for " + options.firstBytes().toSeconds() + " s");
        } else if (current != null && current.isEnding()) {
          refuse(channel, "the migration before it has not ended yet");
        }
      }
    }
    if (current != null) {
      advance(current);
      current.watch().look();
    }
  }

  // Connections come and speak.

  private void accepted(Channel up) {
    CarriedChannel channel = new CarriedChannel(up, options, shortcuts, this);
    if (over) {
      drop(channel, new ChannelException.Aborted("The proxy has ended", aborted));
      return;
    }
    CarriedMigration current = migration;
    int connections = waiting.all().size() + (current == null ? 0 : current.channels().size());
    if (connections >= MAX_CONNECTIONS && !makeRoom(connections)) {
      refuse(channel, "there are " + connections + " connections already");
      return;
    }
    channel.start();
    if (options.opaque()) {
      join(channel);
    } else {
      waiting.add(channel);
    }
  }

  /**
   * Lets the connection go that has been silent longest, so that a flood of them keeps no source
   * out.
   */
  private boolean makeRoom(int connections) {
    Optional<CarriedChannel> silent = waiting.longestSilent();
    silent.ifPresent(
        channel -> {
          if (!flooded) {
            flooded = true;
            LOG.warn(
                "A flood: {} connections wait, the silent ones among them are let go", connections);
          }
          waiting.remove(channel);
          drop(channel, new ChannelException.Violated("It was silent in a flood"));
        });
    return silent.isPresent();
  }

  @Override
  public void spoke(CarriedChannel channel, ChannelRole role) {
    events.add(() -> told(channel, role));
  }

  @Override
  public void unrecognised(CarriedChannel channel, ChannelException why) {
    events.add(() -> notTold(channel, why));
  }

  @Override
  public void ended(CarriedChannel channel, Direction direction) {
    events.add(() -> overInOrder(channel, direction));
  }

  @Override
  public void failed(CarriedChannel channel, Direction direction, Pump.Failure failure) {
    events.add(() -> overByFailure(channel, direction, failure));
  }

  private void told(CarriedChannel channel, ChannelRole role) {
    if (!role.isRecognised()) {
      if (waiting.remove(channel)) {
        LOG.debug("{} came and went without a byte", channel);
        drop(channel, new ChannelException.EndedEarly("It ended without a byte"));
      }
      return;
    }
    CarriedMigration current = migration;
    if (over) {
      return;
    }
    if (current == null) {
      if (waiting.isLeftOver(channel, role)) {
        refuse(channel, "no main channel came before it, so its migration has ended already");
        return;
      }
      waiting.beginMigration();
      begin();
    } else if (current.isBridged()) {
      refuseBeside(current, channel, role);
    } else if (!current.isEnding()) {
      current.foreign(channel, role).ifPresent(why -> refuse(channel, why));
    }
  }

  /** A source with further channels would wait for ever for what they bring. */
  private void refuseBeside(CarriedMigration current, CarriedChannel channel, ChannelRole role) {
    String why = "QEMU's own rdma: has one channel, and the source opened " + role;
    refuse(channel, why);
    if (role instanceof ChannelRole.Multifd && !current.isBroken()) {
      current.watch().cut(why + "; turn multifd off", new ChannelException.Violated(why));
    }
  }

  private void notTold(CarriedChannel channel, ChannelException why) {
    CarriedMigration current = migration;
    if (waiting.all().contains(channel)) {
      refuse(channel, why.getMessage());
    } else if (current != null
        && current.postcopyAnnounced()
        && why instanceof ChannelException.Violated) {
      channel.presume(new ChannelRole.Preempt());
    } else if (current != null && current.channels().contains(channel)) {
      refuse(channel, why.getMessage());
    }
  }

  // Migrations begin and are joined.

  private void begin() {
    try {
      CarriedMigration begun = new CarriedMigration(target.open(), options);
      migration = begun;
      flooded = false;
      LOG.info(options.opaque() ? "A connection begins" : "A migration begins");
      advance(begun);
    } catch (ChannelException e) {
      LOG.error("Cannot carry a migration: {}", e.getMessage());
      waiting.all().forEach(channel -> refuse(channel, e.getMessage()));
    }
  }

  /** Carries a connection that nobody looks at. */
  private void join(CarriedChannel channel) {
    waiting.add(channel);
    if (migration == null) {
      begin();
    } else {
      advance(migration);
    }
  }

  /** Dials the twin of the next connection, if it is its turn. */
  private void advance(CarriedMigration current) {
    while (!current.isEnding() && !current.isDialling()) {
      Optional<CarriedChannel> turn = waiting.turn(current);
      if (turn.isEmpty()) {
        return;
      }
      CarriedChannel next = turn.get();
      waiting.remove(next);
      Optional<String> foreign = current.foreign(next, next.role());
      if (foreign.isPresent()) {
        refuse(next, foreign.get());
        continue;
      }
      if (current.isBridged()) {
        refuseBeside(current, next, next.role());
        continue;
      }
      current.add(next);
      if (next.role() instanceof ChannelRole.Multifd m && m.id() >= options.multifdChannels()) {
        String sentence =
            "The source opened "
                + next.role()
                + ", but the destination QEMU takes "
                + options.multifdChannels()
                + " multifd channels and would lose what is in it";
        current.watch().cut(sentence, new ChannelException.Violated(sentence));
        next.close();
        return;
      }
      current.dial(
          next,
          twin -> events.add(() -> dialled(current, next, twin)),
          why -> events.add(() -> notDialled(current, next, why)));
    }
  }

  private void dialled(CarriedMigration current, CarriedChannel channel, Channel twin) {
    if (channel.state != State.DIALLING || current.isBroken()) {
      twin.abort(new ChannelException.Aborted("The migration is over", null));
      closeQuietly(twin);
      channel.close();
      return;
    }
    LOG.info("{} carried, {} to {}", channel, channel.peer(), twin.info().remote());
    channel.join(twin);
    channel.unreadable().ifPresent(why -> current.watch().cut(why.getMessage(), why));
    advance(current);
  }

  private void notDialled(CarriedMigration current, CarriedChannel channel, ChannelException why) {
    String sentence = "Could not connect " + channel + " onward: " + why.getMessage();
    boolean stray = channel.role() instanceof ChannelRole.Silent && current.channels().size() > 1;
    channel.abort(why);
    channel.close();
    if (options.opaque()) {
      LOG.warn("{}", sentence);
      current.note(sentence, why);
    } else if (stray) {
      LOG.warn("{}", sentence);
    } else {
      current.watch().cut(sentence, why);
    }
  }

  // Connections end, in order or not.

  private void overInOrder(CarriedChannel channel, Direction direction) {
    CarriedMigration current = migration;
    if (current != null && current.channels().contains(channel)) {
      current.ended(channel, direction);
    }
  }

  private void overByFailure(CarriedChannel channel, Direction direction, Pump.Failure failure) {
    CarriedMigration current = migration;
    if (current == null || !current.channels().contains(channel)) {
      return;
    }
    current.watch().failed(channel, direction, failure);
  }

  private MigrationReport finish(CarriedMigration current) {
    MigrationReport report = current.finish();
    migration = null;
    for (CarriedChannel channel : waiting.all()) {
      if (channel.role().isRecognised()) {
        events.add(() -> told(channel, channel.role()));
      }
    }
    LOG.info(
        "A migration ended: {}, {} bytes to the destination, {} bytes back, {} channels{}",
        report.outcome(),
        report.forwardBytes(),
        report.backwardBytes(),
        report.channels().size(),
        report.cause().map(cause -> ", " + cause).orElse(""));
    reports.accept(report);
    return report;
  }

  private void refuse(CarriedChannel channel, String why) {
    waiting.remove(channel);
    LOG.warn("Refused a connection from {} ({}): {}", channel.peer(), channel, why);
    drop(channel, new ChannelException.Violated(why));
  }

  private static void drop(CarriedChannel channel, Throwable why) {
    channel.abort(why);
    channel.close();
  }

  private static void closeQuietly(Channel channel) {
    try {
      channel.close();
    } catch (ChannelException e) {
      LOG.debug("Closing {}", channel, e);
    }
  }
}
