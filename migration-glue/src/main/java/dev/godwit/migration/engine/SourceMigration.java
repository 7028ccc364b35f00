package dev.godwit.migration.engine;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.migration.dirty.DirtyMemory;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.support.Ending;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The source of one live migration: sends a guest's memory while it runs, then pauses it, sends the
 * rest, and gives it up. Whatever fails before it was given up leaves it here as it was, running if
 * it ran. After that it never runs here again.
 *
 * <p>One thread calls {@link #migrate} and {@link #close}; everything else is for any thread.
 */
public final class SourceMigration implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SourceMigration.class);

  /** How long what a destination said before it broke off may be on its way. */
  static final Duration LAST_WORD = Duration.ofSeconds(2);

  private final Dialer dialer;
  private final EngineParameters parameters;
  private final DestinationKind kind;
  private final Ending ending = new Ending();
  private final Lines lines = new Lines();
  private final Watchdog watchdog;
  private final GuestCalls guest;
  private final RateLimit rate;
  private final Object turn = new Object();
  private final SourceClock clock = new SourceClock();

  private volatile SourceState state = SourceState.NONE;
  private volatile long ramBytes;
  private volatile long passes;
  private volatile int throttle;
  private volatile long lastRemaining = -1;
  private volatile @Nullable Passes underWay;
  private final Convergence convergence = new Convergence();
  private volatile @Nullable SourceStream stream;
  private volatile DirtyMemory.@Nullable Client dirty;
  private boolean wasRunning;
  private boolean closed;

  /**
   * @param guest stays the caller's, who ends it after it was given up
   * @param dialer to the destination; stays the caller's, and dials nothing more once this has
   *     failed
   */
  public SourceMigration(
      Guest guest, Dialer dialer, EngineParameters parameters, DestinationKind kind) {
    this(guest, new DirtyMemory(guest), dialer, parameters, kind);
  }

  /**
   * @param memory of {@code guest}, where others read its dirty log too
   */
  public SourceMigration(
      Guest guest,
      DirtyMemory memory,
      Dialer dialer,
      EngineParameters parameters,
      DestinationKind kind) {
    this.dialer = dialer;
    this.parameters = parameters;
    this.kind = kind;
    this.watchdog = new Watchdog(lines, parameters.peerTimeout(), ending);
    this.guest = new GuestCalls(guest, memory, watchdog);
    this.rate = new RateLimit(parameters.maxBandwidthBytesPerSecond());
    ending.with(dialer::abort);
    ending.with(cause -> rate.cancel());
  }

  /**
   * Migrates the guest; returns once the destination has it.
   *
   * @throws MigrationException if it does not; its kind says who has the guest
   */
  public void migrate() throws MigrationException {
    advance(SourceState.SETUP);
    clock.begin();
    SourceStream sent = new SourceStream(dialer, parameters, kind, lines, watchdog, ending);
    stream = sent;
    watchdog.start();
    try {
      wasRunning = guest.isRunning();
      send(sent);
      advance(SourceState.COMPLETED);
    } catch (IOException | RuntimeException | Error e) {
      throw failed(sent, e);
    } finally {
      clock.end();
      watchdog.close();
      unwatch();
    }
  }

  private void send(SourceStream sent) throws IOException {
    requireNotCancelled();
    RamBlocks blocks = guest.blocks();
    List<GuestDevice> devices = new ArrayList<>(guest.devices());
    ramBytes = blocks.totalBytes();
    sent.begin(guest.machine(), guest.uuid(), blocks);
    DirtyMemory.Client watched = guest.open();
    dirty = watched;
    advance(SourceState.ACTIVE);
    clock.setUp();
    sent.answerTime().ifPresent(this::expectAnswers);
    Passes pass =
        new Passes(sent.writer(), sent.ram(), blocks, sent.pages(), watched, rate, parameters);
    underWay = pass;
    sendWhileItRuns(pass, sent, watched);
    advance(SourceState.DEVICE);
    wasRunning = guest.isRunning();
    clock.pause();
    wasRunning = guest.pause();
    addRunState(devices);
    guest.sync(watched);
    pass.dirty(false);
    passed();
    finish(sent, devices);
  }

  /** Two answers are part of the downtime; a first one that came late says little of them. */
  private void expectAnswers(Duration first) {
    Duration both = first.multipliedBy(2);
    Duration most = parameters.downtimeLimit().dividedBy(2);
    convergence.fixedCost(both.compareTo(most) > 0 ? most : both);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread counts.
  private void passed() {
    passes++;
  }

  private void addRunState(List<GuestDevice> devices) throws GuestFailure {
    for (GuestDevice device : devices) {
      if (guest.section(device, 0).name().equals(RunState.NAME)) {
        return;
      }
    }
    devices.add(new RunState(wasRunning));
  }

  private void sendWhileItRuns(Passes pass, SourceStream sent, DirtyMemory.Client watched)
      throws IOException {
    AutoConverge autoConverge = new AutoConverge(parameters);
    long marked = 0;
    for (boolean first = true; ; first = false) {
      long start = System.nanoTime();
      long normalBefore = sent.normalBytes();
      long allBefore = normalBefore + sent.zeroBytes();
      if (first) {
        pass.all();
      } else {
        pass.dirty(true);
      }
      passed();
      long sentAt = System.nanoTime();
      wasRunning = guest.isRunning();
      guest.sync(watched);
      long synced = System.nanoTime();
      clock.pass(sentAt - start, synced - sentAt);
      long remaining = watched.dirtyBytes();
      long dirtied = watched.markedBytes() - marked;
      marked += dirtied;
      convergence.passEnded(
          sent.normalBytes() - normalBefore,
          Duration.ofNanos(synced - start),
          Duration.ofNanos(synced - sentAt),
          remaining,
          dirtied);
      LOG.debug("Pass {} ended: {} bytes to be sent again", passes, remaining);
      if (convergence.converged(parameters.downtimeLimit())) {
        return;
      }
      requireHope();
      if (parameters.autoConverge()) {
        long moved = sent.normalBytes() + sent.zeroBytes() - allBefore;
        OptionalInt next = autoConverge.next(dirtied, moved);
        if (next.isPresent()) {
          throttle(next.getAsInt());
        }
      }
    }
  }

  private void throttle(int percent) throws GuestFailure {
    LOG.info("The guest is throttled by {} %, since it changes memory too fast", percent);
    throttle = percent;
    guest.throttle(percent);
  }

  private void requireHope() throws IOException {
    int most = parameters.maxPasses();
    if (most > 0 && passes >= most) {
      throw new IOException(
          "The migration does not converge: "
              + convergence.standing()
              + (parameters.autoConverge() ? "" : "; auto-converge is off"));
    }
  }

  /** The two ends agree on who runs the guest. */
  private void finish(SourceStream sent, List<GuestDevice> devices) throws IOException {
    sent.devices(devices, guest);
    if (sent.isAnswered() && kind == DestinationKind.GODWIT) {
      sent.finish();
      sent.answers().awaitReady(Deadline.after(parameters.peerTimeout()));
      giveUp();
      sent.handOver();
      sent.answers().awaitShut(Deadline.after(parameters.peerTimeout()));
    } else if (kind == DestinationKind.FILE) {
      sent.finish();
      sent.endOutput();
      giveUp();
    } else {
      giveUp();
      sent.finish();
      if (sent.isAnswered()) {
        sent.answers().awaitShut(Deadline.after(parameters.peerTimeout()));
      } else {
        sent.endOutput();
      }
    }
    clock.running();
  }

  /** The last moment for whoever wants to cancel: from here on the guest never runs here. */
  private void giveUp() throws IOException {
    synchronized (turn) {
      requireNotCancelled();
      advance(SourceState.GIVEN_UP);
    }
  }

  private void requireNotCancelled() throws IOException {
    Optional<Throwable> cause = ending.cause();
    if (cause.isPresent()) {
      throw new ChannelException.Aborted("The migration was given up", cause.get());
    }
  }

  private MigrationException failed(SourceStream sent, Throwable failure) {
    // A guest that is still this side's runs on before anything else is looked at.
    Optional<GuestFailure> stuck = state.hasGivenUp() ? Optional.empty() : runOn();
    Throwable first = firstReason(sent, failure);
    if (state.hasGivenUp() && isRefused(first) && kind == DestinationKind.QEMU) {
      // It has said itself that it does not have the guest, and it ends.
      stuck = runOn();
      return told(SourceState.FAILED, MigrationException.Kind.FAILED, first, stuck);
    }
    if (state.hasGivenUp()) {
      return told(SourceState.UNDECIDED, MigrationException.Kind.UNDECIDED, first, stuck);
    }
    return first instanceof Cancelled
        ? told(SourceState.CANCELLED, MigrationException.Kind.CANCELLED, first, stuck)
        : told(SourceState.FAILED, MigrationException.Kind.FAILED, first, stuck);
  }

  private MigrationException told(
      SourceState end,
      MigrationException.Kind kind,
      Throwable first,
      Optional<GuestFailure> stuck) {
    stuck.ifPresent(first::addSuppressed);
    advance(end);
    return new MigrationException(MigrationException.Side.SOURCE, kind, first);
  }

  private static boolean isRefused(Throwable reason) {
    return reason instanceof ChannelException.Refused;
  }

  /** The guest goes on here as it was; what it says if it does not. */
  private Optional<GuestFailure> runOn() {
    Optional<GuestFailure> stuck = Optional.empty();
    try {
      if (wasRunning && !guest.isRunning()) {
        guest.resume();
        clock.running();
      }
    } catch (GuestFailure e) {
      LOG.error("The guest is here, and does not run", e);
      stuck = Optional.of(e);
    }
    try {
      unthrottle();
    } catch (GuestFailure e) {
      LOG.error("The guest is here, and is still throttled", e);
      stuck = Optional.of(stuck.orElse(e));
    }
    return stuck;
  }

  private void unthrottle() throws GuestFailure {
    if (throttle > 0) {
      guest.throttle(0);
      throttle = 0;
    }
  }

  /** What came first: a cancel, what the destination says, or what was met here. */
  private Throwable firstReason(SourceStream sent, Throwable failure) {
    Optional<Throwable> cause = ending.cause();
    boolean local = failure instanceof GuestFailure || !(failure instanceof IOException);
    if (!local && sent.isAnswered() && !(cause.orElse(failure) instanceof Cancelled)) {
      Optional<ChannelException.Refused> refusal =
          sent.answers().refusal(Deadline.after(LAST_WORD));
      if (refusal.isPresent()) {
        ending.abort(refusal.get());
        return refusal.get();
      }
    }
    ending.abort(failure);
    return local ? failure : ending.cause().orElse(failure);
  }

  /** Nobody looks at what the guest changes any more. */
  private void unwatch() {
    DirtyMemory.Client watched = dirty;
    if (watched == null) {
      return;
    }
    lastRemaining = remaining();
    try {
      try {
        unthrottle();
      } finally {
        guest.close(watched);
      }
    } catch (GuestFailure e) {
      LOG.warn("{}", Failures.sentence(e));
    }
  }

  /** The one place where the state changes. */
  private void advance(SourceState next) {
    synchronized (turn) {
      if (!state.leadsTo(next)) {
        throw new IllegalStateException("A source that is " + state + " cannot be " + next);
      }
      state = next;
    }
    LOG.info("{}", next.sentence());
  }

  public SourceState state() {
    return state;
  }

  /** How many times memory was gone over, the first time all of it. */
  public long passes() {
    return passes;
  }

  /** How much of its time the guest is denied now so that it changes less memory, in percent. */
  public int throttlePercent() {
    return throttle;
  }

  /** How far it is; the last numbers once it has ended. */
  public MigrationStatistics statistics() {
    SourceStream sent = stream;
    return new MigrationStatistics(
        clock.totalSeconds(),
        clock.setupSeconds(),
        clock.downtimeSeconds(),
        convergence.passes() == 0 ? 0 : convergence.expectedDowntime().toNanos() / 1e9,
        clock.syncSeconds(),
        clock.passSeconds(),
        ramBytes,
        remaining(),
        sent == null ? 0 : sent.normalBytes(),
        sent == null ? 0 : sent.zeroBytes(),
        sent == null ? 0 : sent.deviceBytes(),
        lines.bytes(),
        convergence.dirtyRate(),
        convergence.bandwidth(),
        parameters.maxBandwidthBytesPerSecond());
  }

  private long sentBytes() {
    SourceStream sent = stream;
    return sent == null ? 0 : sent.normalBytes() + sent.zeroBytes();
  }

  private long remaining() {
    DirtyMemory.Client watched = dirty;
    if (state.hasGivenUp()) {
      return 0;
    }
    if (lastRemaining >= 0) {
      return lastRemaining;
    }
    Passes pass = underWay;
    long unsent =
        passes == 0 ? Math.max(0, ramBytes - sentBytes()) : (pass == null ? 0 : pass.unsentBytes());
    return Math.min(ramBytes, unsent + (watched == null ? 0 : watched.dirtyBytes()));
  }

  /**
   * Ends the migration, unless the guest was given up already.
   *
   * @return whether it does; then {@link #migrate} ends soon, and the guest is here
   */
  public boolean cancel(String why) {
    synchronized (turn) {
      if (state.isOver() || state.hasGivenUp()) {
        return false;
      }
      ending.abort(new Cancelled(why));
      return true;
    }
  }

  /** Closes all channels; {@link #migrate} has returned, or was never called. Idempotent. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (state != SourceState.COMPLETED) {
      // Otherwise what was handed over is still on its way, and is not to be broken off.
      ending.abort(new IllegalStateException("The migration was closed"));
    }
    SourceStream sent = stream;
    if (sent != null) {
      try {
        sent.close();
      } catch (ChannelException e) {
        // Whatever mattered has been confirmed or has failed before.
        LOG.debug("Closing the channels failed", e);
      }
    }
  }
}
