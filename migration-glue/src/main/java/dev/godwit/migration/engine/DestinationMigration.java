package dev.godwit.migration.engine;

import dev.godwit.channel.identity.Arrivals;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.migration.dirty.DirtyMemory;
import dev.godwit.migration.guest.Guest;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The destination of one live migration: takes a guest's memory and devices as they come, and runs
 * it once the source has given it up. It works on threads of its own; everything here is for any
 * thread and returns at once, but {@link #await} and {@link #close}.
 *
 * <p>A Godwit at the source gives the guest up only when told that all of it is here; so whatever
 * dies in between, it never runs twice. A QEMU gives it up when it has written all of it; between
 * that and its hearing so, it knows as little as any QEMU does. From a file the guest is started
 * when all of it was read.
 */
public final class DestinationMigration implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DestinationMigration.class);

  private final Listener listener;
  private final EngineParameters parameters;
  private final Ending ending = new Ending();
  private final Lines lines = new Lines();
  private final Watchdog watchdog;
  private final GuestCalls guest;
  private final SourceClock clock = new SourceClock();
  private final Object turn = new Object();
  private final Thread thread;

  private volatile DestinationState state = DestinationState.NONE;
  private volatile @Nullable DestinationStream stream;
  private volatile @Nullable MigrationException failure;
  private volatile long ramBytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * @param guest stays the caller's: one like the source's, that does not run and never did
   * @param listener accepts the source's connections; stays the caller's, and accepts nothing more
   *     once this has ended
   */
  public DestinationMigration(Guest guest, Listener listener, EngineParameters parameters) {
    this.listener = listener;
    this.parameters = parameters;
    this.watchdog = new Watchdog(lines, parameters.peerTimeout(), ending);
    this.guest = new GuestCalls(guest, new DirtyMemory(guest), watchdog);
    this.thread = Thread.ofPlatform().daemon().name("migration-in").unstarted(this::run);
    ending.with(listener::abort);
  }

  /** Begins to wait for a source. */
  public void start() {
    advance(DestinationState.SETUP);
    thread.start();
  }

  private void run() {
    try {
      clock.begin();
      receive();
      advance(DestinationState.COMPLETED);
    } catch (IOException | RuntimeException | Error e) {
      failure = failed(e);
    } finally {
      clock.end();
      watchdog.close();
    }
  }

  private void receive() throws IOException {
    if (guest.isRunning()) {
      throw new IOException("The guest that a migration is to come into runs already");
    }
    GuestLayout layout = GuestLayout.of(guest);
    ramBytes = layout.blocks().totalBytes();
    Optional<MultifdSettings> multifd = multifd();
    try (Arrivals arrivals =
        new Arrivals(listener, multifd.map(MultifdSettings::channels).orElse(0), ending)) {
      ChannelReader first = arrivals.awaitMain();
      Channel main = first.channel();
      lines.main(main);
      advance(DestinationState.ACTIVE);
      clock.setUp();
      watchdog.start();
      LOG.info("The guest comes from {}", main.info().remote());
      DestinationStream taken =
          new DestinationStream(first, layout, multifd, arrivals, lines, guest, ending, parameters);
      stream = taken;
      taken.read();
      loaded();
      if (taken.isHandedOver()) {
        taken.awaitHandover();
        taken.start();
        start(layout);
        confirm(taken);
      } else {
        // A QEMU that does not hear this runs the guest again, so it has to come first.
        taken.start();
        taken.confirm();
        start(layout);
      }
    }
  }

  /** The last moment for whoever wants to cancel. */
  private void loaded() throws ChannelException {
    synchronized (turn) {
      Optional<Throwable> cause = ending.cause();
      if (cause.isPresent()) {
        throw new ChannelException.Aborted("The migration was given up", cause.get());
      }
      advance(DestinationState.LOADED);
    }
  }

  private void start(GuestLayout layout) throws GuestFailure {
    advance(DestinationState.STARTING);
    if (layout.runs()) {
      guest.resume();
    }
    clock.running();
  }

  /** The guest is here, whether or not the source hears that. */
  private static void confirm(DestinationStream taken) {
    try {
      taken.confirm();
    } catch (ChannelException | RuntimeException | Error e) {
      LOG.warn("The source may not know that it has handed the guest over", e);
    }
  }

  private Optional<MultifdSettings> multifd() {
    return parameters.multifd()
        ? Optional.of(
            MultifdSettings.of(Dialect.V10_0, parameters.multifdChannels())
                .with(parameters.multifdCompression(), parameters.multifdLevel())
                .withAnyGuest())
        : Optional.empty();
  }

  private MigrationException failed(Throwable met) {
    ending.abort(met);
    Throwable first = ending.cause().orElse(met);
    boolean dead = state == DestinationState.STARTING;
    if (dead || met instanceof GuestFailure) {
      first = met;
    }
    DestinationStream taken = stream;
    if (taken != null) {
      taken.breakOff(first);
    }
    DestinationState end;
    MigrationException.Kind kind;
    if (dead) {
      end = DestinationState.DEAD;
      kind = MigrationException.Kind.UNDECIDED;
    } else if (first instanceof Cancelled) {
      end = DestinationState.CANCELLED;
      kind = MigrationException.Kind.CANCELLED;
    } else {
      end = DestinationState.FAILED;
      kind = MigrationException.Kind.FAILED;
    }
    MigrationException told =
        new MigrationException(MigrationException.Side.DESTINATION, kind, first);
    advance(end);
    return told;
  }

  /** The one place where the state changes. */
  private void advance(DestinationState next) {
    synchronized (turn) {
      if (!state.leadsTo(next)) {
        throw new IllegalStateException("A destination that is " + state + " cannot be " + next);
      }
      state = next;
    }
    LOG.info("{}", next.sentence());
  }

  /**
   * Waits until the guest is here, and runs if it ran at the source.
   *
   * @throws MigrationException if it is not; its kind says what that means
   */
  public void await() throws MigrationException {
    Uninterruptibly.join(thread);
    MigrationException met = failure;
    if (met != null) {
      throw met;
    }
  }

  public DestinationState state() {
    return state;
  }

  /** How far it is; the last numbers once it has ended. */
  public MigrationStatistics statistics() {
    DestinationStream taken = stream;
    return new MigrationStatistics(
        clock.totalSeconds(),
        clock.setupSeconds(),
        0,
        0,
        0,
        0,
        ramBytes,
        0,
        0,
        0,
        taken == null ? 0 : taken.deviceBytes(),
        lines.bytes(),
        0,
        0,
        0);
  }

  /**
   * Ends the migration; the guest stays the source's.
   *
   * @return whether it does: not once the source was asked to give the guest up
   */
  public boolean cancel(String why) {
    synchronized (turn) {
      boolean late =
          switch (state) {
            case NONE, SETUP, ACTIVE -> false;
            case LOADED, STARTING, COMPLETED, FAILED, CANCELLED, DEAD -> true;
          };
      if (late) {
        return false;
      }
      ending.abort(new Cancelled(why));
      return true;
    }
  }

  /**
   * Gives up what has not ended, waits for the threads and closes all channels. A guest that is
   * being started is started nevertheless. Idempotent.
   */
  @Override
  public void close() {
    ending.abort(new IllegalStateException("The migration was closed"));
    Uninterruptibly.join(thread);
    if (closed.getAndSet(true)) {
      return;
    }
    DestinationStream taken = stream;
    if (taken != null) {
      try {
        taken.close();
      } catch (ChannelException e) {
        // Whatever mattered has been confirmed or has failed before.
        LOG.debug("Closing the channels failed", e);
      }
    }
  }
}
