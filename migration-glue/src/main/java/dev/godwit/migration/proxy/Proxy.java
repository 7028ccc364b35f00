package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.migration.proxy.CarriedChannel.Direction;
import dev.godwit.migration.proxy.CarriedChannel.State;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Listener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
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
 * because a 7.2 destination takes the first for the main channel (qemu-wire.md §4.2). A connection
 * that stays silent meanwhile may be the main channel of a 10.0 source or a preempt channel, so it
 * is joined too, but only after a grace in which a mere probe would have gone away again: an empty
 * connection kills a destination (qemu-wire.md §10).
 *
 * <p>If one connection breaks, all of that migration break at once: a destination that lost one
 * multifd channel would wait for ever (qemu-wire.md §4.9).
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

  /**
   * How long a silent connection waits at the start for its first bytes before it is joined. Real
   * main channels speak within this.
   */
  private static final Duration EARLY_GRACE = Duration.ofMillis(100);

  /**
   * The same for one that comes while the migration runs and no postcopy was announced: hardly a
   * part of it.
   */
  private static final Duration LATE_GRACE = Duration.ofSeconds(1);

  /**
   * How long a side channel may be broken before all are: at the end destinations close them first,
   * and not always in order.
   */
  private static final Duration BROKEN_GRACE = Duration.ofMillis(300);

  /**
   * How long the main channel may have nothing to say after a side channel's source has ended,
   * before that end is taken for a loss.
   */
  private static final Duration LONE_END_GRACE = Duration.ofSeconds(2);

  /**
   * How long a destination may keep its side after the source has given up in the middle: one that
   * waits for further multifd channels never looks.
   */
  private static final Duration ABANDONED_GRACE = Duration.ofSeconds(10);

  /** How long side channels may outlive the main channel. */
  private static final Duration AFTER_MAIN = Duration.ofSeconds(5);

  private static final Duration TICK = Duration.ofMillis(100);

  /** Between two attempts to accept while the system has no descriptor or memory for it. */
  private static final Duration ACCEPT_AGAIN = Duration.ofMillis(200);

  /** How long the thread that accepts may take to notice that it is over. */
  private static final Duration ACCEPT_END = Duration.ofSeconds(5);

  /** Where a migration goes: a dialer for each, since one dialer is one migration. */
  @FunctionalInterface
  public interface Target {
    Dialer open() throws ChannelException;
  }

  private final Listener listener;
  private final Target target;
  private final ProxyOptions options;
  private final Consumer<MigrationReport> reports;
  private final BlockingQueue<Runnable> events = new LinkedBlockingQueue<>();
  private final List<CarriedChannel> waiting = new ArrayList<>();
  private final List<Broken> broken = new ArrayList<>();
  private volatile @Nullable CarriedMigration migration;
  private volatile @Nullable Throwable aborted;
  private long recognisedNanos;
  private boolean acceptEnded;
  private boolean flooded;
  private boolean over;
  private final CountDownLatch givenUp = new CountDownLatch(1);

  private record Broken(CarriedChannel channel, String sentence, Throwable why, long sinceNanos) {}

  /**
   * @param listener where sources connect; the proxy owns it from now on
   * @param target where each migration goes
   * @param reports told the end of each migration, on the thread that runs the proxy
   */
  public Proxy(
      Listener listener, Target target, ProxyOptions options, Consumer<MigrationReport> reports) {
    this.listener = listener;
    this.target = target;
    this.options = options;
    this.reports = reports;
  }

  /**
   * Carries until aborted, or until the first migration has ended. Listens no longer when it
   * returns, and holds no connection: a source that is left waiting would wait for ever.
   *
   * @param once return after one migration
   * @return that one's report, or empty if aborted before one ended
   */
  public Optional<MigrationReport> run(boolean once) {
    Thread acceptor = Thread.ofPlatform().name("godwit-accept").daemon().start(this::accept);
    try {
      return decide(once);
    } catch (RuntimeException | Error e) {
      // Whatever is wrong here, no source may be left waiting.
      abort(e);
      cutOff(e);
      throw e;
    } finally {
      endAccepting(acceptor);
    }
  }

  /** Drops whoever came too late to be carried. */
  private void endAccepting(Thread acceptor) {
    Throwable cause = new ChannelException.Aborted("The proxy has ended", aborted);
    over = true;
    givenUp.countDown();
    listener.abort(cause);
    try {
      acceptor.join(ACCEPT_END);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Runnable event = events.poll(); event != null; event = events.poll()) {
      event.run();
    }
    List.copyOf(waiting).forEach(channel -> drop(channel, cause));
    waiting.clear();
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
      if (migration == null && (cutOff || (acceptEnded && waiting.isEmpty()))) {
        return Optional.empty();
      }
    }
  }

  private void cutOff(Throwable cause) {
    List.copyOf(waiting).forEach(channel -> drop(channel, cause));
    waiting.clear();
    CarriedMigration current = migration;
    if (current != null) {
      current.cut("Given up: " + cause.getMessage(), cause);
    }
  }

  /** Ends {@link #run} soon and breaks what it carries; any thread, never blocks. */
  public void abort(Throwable cause) {
    aborted = cause;
    givenUp.countDown();
    listener.abort(cause);
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
    for (CarriedChannel channel : List.copyOf(waiting)) {
      if (channel.ageNanos() > options.firstBytes().toNanos()) {
        if (channel.role() instanceof ChannelRole.Silent) {
          refuse(channel, "it said nothing for " + options.firstBytes().toSeconds() + " s");
        } else if (current != null && current.isEnding()) {
          refuse(channel, "the migration before it has not ended yet");
        }
      }
    }
    if (current == null) {
      return;
    }
    advance(current);
    sayIfNoReturnPath(current);
    judgeBroken(current);
    judgeLoneEnds(current);
    judgeAbandoned(current);
    endStragglers(current);
  }

  // Connections come and speak.

  private void accept() {
    while (true) {
      try {
        Channel up = listener.accept(Deadline.never());
        events.add(() -> accepted(up));
      } catch (ChannelException.Aborted e) {
        break;
      } catch (ChannelException e) {
        LOG.warn("Could not accept a connection: {}", e.getMessage());
        if (aborted != null
            || e instanceof ChannelException.Unsupported
            || e instanceof ChannelException.Lost) {
          break;
        }
        if (pauseAccepting()) {
          break;
        }
      }
    }
    events.add(() -> acceptEnded = true);
  }

  /** Returns whether there is nothing more to accept. */
  private boolean pauseAccepting() {
    try {
      return givenUp.await(ACCEPT_AGAIN.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return true;
    }
  }

  private void accepted(Channel up) {
    CarriedChannel channel = new CarriedChannel(up, options, this);
    if (over) {
      drop(channel, new ChannelException.Aborted("The proxy has ended", aborted));
      return;
    }
    CarriedMigration current = migration;
    int connections = waiting.size() + (current == null ? 0 : current.channels().size());
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
    Optional<CarriedChannel> silent =
        waiting.stream().filter(c -> c.role() instanceof ChannelRole.Silent).findFirst();
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
      recognisedNanos = System.nanoTime();
      begin();
    } else if (!current.isEnding()) {
      current.foreign(channel, role).ifPresent(why -> refuse(channel, why));
    }
  }

  private void notTold(CarriedChannel channel, ChannelException why) {
    CarriedMigration current = migration;
    if (waiting.contains(channel)) {
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
      List.copyOf(waiting).forEach(channel -> refuse(channel, e.getMessage()));
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
    while (!waiting.isEmpty() && !current.isEnding() && !current.isDialling()) {
      CarriedChannel next = waiting.getFirst();
      if (next.role() instanceof ChannelRole.Silent && !mayJoinSilent(current, next)) {
        return;
      }
      Optional<String> foreign = current.foreign(next, next.role());
      if (foreign.isPresent()) {
        refuse(next, foreign.get());
        continue;
      }
      waiting.removeFirst();
      current.add(next);
      if (next.role() instanceof ChannelRole.Multifd m && m.id() >= options.multifdChannels()) {
        String sentence =
            "The source opened "
                + next.role()
                + ", but the destination QEMU takes "
                + options.multifdChannels()
                + " multifd channels and would lose what is in it";
        cut(current, sentence, new ChannelException.Violated(sentence));
        next.close();
        return;
      }
      current.dial(
          next,
          twin -> events.add(() -> dialled(current, next, twin)),
          why -> events.add(() -> notDialled(current, next, why)));
    }
  }

  private boolean mayJoinSilent(CarriedMigration current, CarriedChannel channel) {
    if (current.postcopyAnnounced()) {
      return true;
    }
    boolean late = channel.acceptedNanos() - recognisedNanos > 0;
    return late
        ? channel.ageNanos() > LATE_GRACE.toNanos()
        : System.nanoTime() - recognisedNanos > EARLY_GRACE.toNanos();
  }

  private void dialled(CarriedMigration current, CarriedChannel channel, Channel twin) {
    if (channel.state != State.DIALLING || current.isBroken()) {
      twin.abort(new ChannelException.Aborted("The migration is over", null));
      closeQuietly(twin);
      channel.close();
      return;
    }
    LOG.info("{} carried, {} to {}", channel, channel.up().info().identity(), twin.info().remote());
    channel.join(twin);
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
      cut(current, sentence, why);
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
    ChannelException why = first(failure.channelFailure());
    boolean sourceSide = (direction == Direction.FORWARD) == (failure.end() == Pump.End.READING);
    String sentence =
        (sourceSide ? "Source side of " : "Destination side of ")
            + channel
            + ": "
            + why.getMessage();
    if (current.isBroken() || current.isConfirmed() || options.opaque()) {
      if (options.opaque()) {
        LOG.warn("{}", sentence);
        current.note(sentence, why);
      }
      channel.abort(why);
      channel.close();
      return;
    }
    boolean midStream =
        channel.role() instanceof ChannelRole.Multifd
            && !current.main().map(m -> m.tail().isEndOfDescription()).orElse(false);
    if (channel.role().isMain() && !broken.isEmpty()) {
      cut(current, broken.getFirst().sentence(), broken.getFirst().why());
    } else if (channel.role().isMain() || midStream) {
      // A 7.2 source whose main channel lives on after a multifd channel died may crash.
      cut(current, sentence, why);
    } else {
      channel.abort(why);
      channel.close();
      broken.add(new Broken(channel, sentence, why, System.nanoTime()));
    }
  }

  /** What broke a channel, where another of its threads only found it broken. */
  private static ChannelException first(ChannelException failure) {
    ChannelException first = failure;
    while (first instanceof ChannelException.Aborted
        && first.getCause() instanceof ChannelException earlier) {
      first = earlier;
    }
    return first;
  }

  private void judgeBroken(CarriedMigration current) {
    for (Broken side : List.copyOf(broken)) {
      if (current.isConfirmed() || current.isOver()) {
        broken.remove(side);
      } else if (System.nanoTime() - side.sinceNanos() > BROKEN_GRACE.toNanos()) {
        cut(current, side.sentence(), side.why());
      }
    }
  }

  /**
   * A multifd channel that ends while the main channel is idle in the middle of its stream has been
   * lost: a source closes all channels at its end, and a destination closes them when it has
   * everything.
   */
  private void judgeLoneEnds(CarriedMigration current) {
    Optional<CarriedChannel> main = current.main();
    if (main.isEmpty()
        || main.get().state != State.CARRYING
        || main.get().forwardEnded
        || main.get().forwardIdleNanos() < LONE_END_GRACE.toNanos()
        || current.isBroken()) {
      return;
    }
    boolean whole = main.get().tail().isEndOfDescription();
    for (CarriedChannel channel : current.channels()) {
      boolean lost = channel.forwardEnded || (channel.backwardEnded && !whole);
      if (lost && channel.role() instanceof ChannelRole.Multifd) {
        String side = channel.forwardEnded ? "Source side of " : "Destination side of ";
        String sentence = side + channel + ": it ended while the main channel goes on";
        cut(current, sentence, new ChannelException.EndedEarly(sentence));
        return;
      }
    }
  }

  private static void judgeAbandoned(CarriedMigration current) {
    if (!current.isBroken() && current.abandonedNanos() > ABANDONED_GRACE.toNanos()) {
      String sentence = "The source ended in the middle of its main stream";
      cut(current, sentence, new ChannelException.EndedEarly(sentence));
    }
  }

  private void endStragglers(CarriedMigration current) {
    Optional<CarriedChannel> main = current.main();
    if (main.isEmpty() || main.get().state != State.OVER) {
      return;
    }
    if (current.mainOverNanos == 0) {
      current.mainOverNanos = System.nanoTime();
    }
    if (System.nanoTime() - current.mainOverNanos < AFTER_MAIN.toNanos()) {
      return;
    }
    for (CarriedChannel channel : current.channels()) {
      if (channel.state != State.OVER) {
        LOG.warn("{} outlived the main channel", channel);
        channel.abort(new ChannelException.Aborted("The main channel has ended", null));
        channel.close();
      }
    }
  }

  private static void cut(CarriedMigration current, String sentence, Throwable why) {
    LOG.warn("{}; all connections of this migration are broken off", sentence);
    current.cut(sentence, why);
  }

  private MigrationReport finish(CarriedMigration current) {
    MigrationReport report = current.finish();
    migration = null;
    broken.clear();
    for (CarriedChannel channel : waiting) {
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

  private void sayIfNoReturnPath(CarriedMigration current) {
    if (current.returnPathMissed) {
      return;
    }
    current
        .main()
        .filter(main -> main.head().isComplete() && !main.head().returnPath())
        .ifPresent(
            main -> {
              current.returnPathMissed = true;
              LOG.warn(
                  "{} opened no return path: the source will say completed while bytes are still on their way",
                  main);
            });
  }

  private void refuse(CarriedChannel channel, String why) {
    waiting.remove(channel);
    LOG.warn("Refused a connection from {} ({}): {}", channel.up().info().identity(), channel, why);
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
