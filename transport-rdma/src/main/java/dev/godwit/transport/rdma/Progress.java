package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.Monitor;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What makes a channel move. One thread at a time drives: polls, sleeps, and deals with what it
 * finds. Whoever waits for something drives, others wait for what the driver finds; while nobody
 * waits, the keeper drives. So no frame of the peer depends on this side's user being in a call.
 *
 * <p>A virtual thread never drives, since a sleep on descriptors would hold its carrier.
 */
final class Progress {
  /** Something to wait for. Evaluated with the monitor held. */
  @FunctionalInterface
  interface Condition {
    boolean holds() throws ChannelException;
  }

  /** What the channel does with what was found; called with the monitor held. */
  interface Handler {
    void completed(long work, int status, int bytes) throws ChannelException;

    void event(QueuePair.Event event) throws ChannelException;

    /** All that one look has found was told; the device tells completions and events apart. */
    void looked();

    /** Sends what waits to be sent. */
    void pump() throws ChannelException;

    /** The peer does not answer. */
    void lost(ChannelException.Lost how);
  }

  /** So many times the interval without an acknowledgement, and the peer is gone. */
  private static final int SILENT_INTERVALS = 3;

  /** How long the keeper leaves the queue alone after somebody drove. */
  private static final long GRACE_NANOS = Duration.ofMillis(2).toNanos();

  /** The longest that an orderly end waits for a peer that is there. */
  private static final Duration LONGEST_PATIENCE = Duration.ofSeconds(10);

  private static final long LONGEST_SLEEP_NANOS = Duration.ofSeconds(60).toNanos();

  private final Monitor monitor;
  private final QueuePair queuePair;
  private final ChannelLifecycle lifecycle;
  private final Handler handler;
  private final String name;
  private final long spinNanos;
  private final long livenessNanos;
  private final Completions completions = new Completions();

  private boolean driving;
  private boolean keeperDrives;
  private boolean keeperRests;
  private int platformWaiters;
  private int virtualWaiters;
  private final AtomicInteger peerWaiters = new AtomicInteger();
  private long drives;
  private @Nullable Thread keeper;

  private @Nullable ChannelException broken;
  private boolean disconnected;
  private boolean dead;
  private int unacknowledged;
  private long acknowledgedAt = System.nanoTime();

  /**
   * @param name of the channel in messages
   * @param liveness how long nothing need be acknowledged before the peer is probed; zero for ever
   */
  Progress(
      Monitor monitor,
      QueuePair queuePair,
      ChannelLifecycle lifecycle,
      Handler handler,
      String name,
      Duration spin,
      Duration liveness) {
    this.monitor = monitor;
    this.queuePair = queuePair;
    this.lifecycle = lifecycle;
    this.handler = handler;
    this.name = name;
    this.spinNanos = spin.toNanos();
    this.livenessNanos = liveness.toNanos();
  }

  // Waiting.

  /**
   * Waits for {@code condition}, or fails with what ends the channel; the caller holds the lock.
   */
  void await(Condition condition) throws ChannelException {
    await(condition, true, Deadline.never());
  }

  /** As {@link #await}, and only until {@code deadline}: false if that has passed. */
  boolean await(Condition condition, Deadline deadline) throws ChannelException {
    return await(condition, true, deadline);
  }

  /** As {@link #await}, on behalf of a close: only a broken connection ends it. */
  void awaitClosing(Condition condition) throws ChannelException {
    await(condition, false, Deadline.never());
  }

  /** As {@link #awaitClosing}, and only until {@code deadline}: false if that has passed. */
  boolean awaitClosing(Condition condition, Deadline deadline) throws ChannelException {
    return await(condition, false, deadline);
  }

  /** Waits for {@code condition}, which something beside this channel may fulfil. */
  void awaitPeer(Condition condition) throws ChannelException {
    // Raised before the condition is looked at, or a nudge in between would be lost.
    peerWaiters.incrementAndGet();
    try {
      await(condition, true, Deadline.never());
    } finally {
      peerWaiters.decrementAndGet();
    }
  }

  private boolean await(Condition condition, boolean open, Deadline deadline)
      throws ChannelException {
    if (condition.holds()) {
      return true;
    }
    boolean virtual = Thread.currentThread().isVirtual();
    enter(virtual, 1);
    try {
      while (!condition.holds()) {
        requireAlive(open);
        if (deadline.hasPassed()) {
          return false;
        }
        if (!virtual && !driving && !dead) {
          drives++;
          drive(spinNanos, Math.min(LONGEST_SLEEP_NANOS, deadline.remainingNanos()));
        } else {
          handOver(virtual);
          monitor.await(deadline);
        }
      }
      return true;
    } finally {
      enter(virtual, -1);
      if (keeperRests && platformWaiters == 0) {
        keeperRests = false;
        LockSupport.unpark(keeper);
      }
    }
  }

  private void enter(boolean virtual, int change) {
    if (virtual) {
      virtualWaiters += change;
    } else {
      platformWaiters += change;
    }
    if (waiters() == 0) {
      // A close may wait for that.
      monitor.signalAll();
    }
  }

  /** Sees to it that the right thread drives while this one waits. */
  private void handOver(boolean virtual) {
    if (virtual && !driving) {
      LockSupport.unpark(keeper);
    } else if (!virtual && keeperDrives) {
      queuePair.wake();
    }
  }

  private void requireAlive(boolean open) throws ChannelException {
    if (open) {
      lifecycle.requireInput();
    }
    ChannelException failure = broken;
    if (failure != null) {
      throw failure;
    }
    if (dead) {
      throw new ChannelException.Lost("The connection " + name + " is gone");
    }
  }

  /** Fails if the channel has failed, was aborted or is closed. */
  void requireWhole() throws ChannelException {
    lifecycle.requireInput();
    ChannelException failure = broken;
    if (failure != null) {
      throw failure;
    }
  }

  /** How long an orderly end waits for the peer's part in it. */
  Duration patience() {
    Duration silence = Duration.ofNanos(SILENT_INTERVALS * livenessNanos);
    boolean bounded = livenessNanos > 0 && silence.compareTo(LONGEST_PATIENCE) < 0;
    return bounded ? silence : LONGEST_PATIENCE;
  }

  /** Leaves the lock for something that takes long, and comes back. */
  void unlocked(boolean leave) {
    if (leave) {
      monitor.unlock();
    } else {
      monitor.lock();
    }
  }

  int waiters() {
    return platformWaiters + virtualWaiters;
  }

  boolean isDriven() {
    return driving;
  }

  /** Makes whoever waits look again; any thread, without the lock. */
  void wake() {
    queuePair.wake();
    LockSupport.unpark(keeper);
  }

  /** Something beside the channel changed; any thread, without the lock. */
  void nudge() {
    if (peerWaiters.get() > 0) {
      wake();
    }
  }

  // Driving.

  private void drive(long spin, long sleep) {
    driving = true;
    ChannelException failure = null;
    int found = 0;
    try {
      handler.pump();
      sleep = Math.min(sleep, untilCheck());
      monitor.unlock();
      try {
        found = look(spin, sleep);
      } finally {
        monitor.lock();
      }
    } catch (ChannelException e) {
      failure = e;
    } catch (RuntimeException e) {
      failure = new ChannelException.Lost("The connection " + name + " cannot be driven", e);
    }
    driving = false;
    handle(found);
    if (failure != null) {
      // A queue that cannot even be polled will not be asked again.
      dead = true;
      breakWith(failure);
    } else {
      checkEvents();
      handler.looked();
      checkLiveness();
    }
    monitor.signalAll();
  }

  private int look(long spin, long sleep) throws ChannelException {
    int found = queuePair.poll(completions);
    if (found == 0 && spin > 0) {
      long end = System.nanoTime() + spin;
      do {
        Thread.onSpinWait();
        found = queuePair.poll(completions);
      } while (found == 0 && System.nanoTime() - end < 0);
    }
    if (found == 0) {
      queuePair.arm();
      found = queuePair.poll(completions);
    }
    if (found == 0) {
      queuePair.sleep(sleep);
      found = queuePair.poll(completions);
    }
    return found;
  }

  private void handle(int found) {
    // Once for all: on some hosts the clock is slow to read.
    long now = found > 0 ? System.nanoTime() : 0;
    for (int i = 0; i < found; i++) {
      long work = completions.work[i];
      int status = completions.status[i];
      if (Work.isAcknowledged(work)) {
        unacknowledged--;
        if (status == Completions.SUCCESS) {
          acknowledgedAt = now;
        }
      }
      try {
        handler.completed(work, status, completions.bytes[i]);
      } catch (ChannelException e) {
        breakWith(e);
      }
    }
    if (found > 0) {
      try {
        handler.pump();
      } catch (ChannelException e) {
        breakWith(e);
      }
    }
  }

  private void checkEvents() {
    try {
      QueuePair.Event event;
      while ((event = queuePair.nextEvent()) != QueuePair.Event.NONE) {
        // What the peer sent before it went has arrived by now, and counts.
        int found;
        while ((found = queuePair.poll(completions)) > 0) {
          handle(found);
        }
        handler.event(event);
      }
    } catch (ChannelException e) {
      breakWith(e);
    }
  }

  // Life.

  /** Something was posted that the peer's device acknowledges, and this side is told. */
  void posted() {
    if (unacknowledged++ == 0) {
      acknowledgedAt = System.nanoTime();
    }
  }

  private long untilCheck() {
    if (livenessNanos == 0 || disconnected) {
      return LONGEST_SLEEP_NANOS;
    }
    long wait = unacknowledged > 0 ? SILENT_INTERVALS * livenessNanos : livenessNanos;
    return Math.max(1, wait - (System.nanoTime() - acknowledgedAt));
  }

  private void checkLiveness() {
    if (livenessNanos == 0 || disconnected || broken != null) {
      return;
    }
    long silence = System.nanoTime() - acknowledgedAt;
    if (unacknowledged > 0 && silence >= SILENT_INTERVALS * livenessNanos) {
      handler.lost(
          new ChannelException.Lost(
              "The peer of "
                  + name
                  + " acknowledged nothing for "
                  + Duration.ofNanos(silence).toMillis()
                  + " ms"));
    } else if (unacknowledged == 0 && silence >= livenessNanos) {
      try {
        queuePair.postWrite(Work.of(Work.PROBE, 0), 0, 0, 0, 0, 0);
        posted();
      } catch (ChannelException e) {
        breakWith(e);
      }
    }
  }

  /** Ends the channel for everybody; the first failure stays. */
  void breakWith(ChannelException failure) {
    if (broken == null) {
      broken = failure;
    }
    monitor.signalAll();
    LockSupport.unpark(keeper);
  }

  @Nullable ChannelException broken() {
    return broken;
  }

  /** Nothing can be sent any more, whichever side ended it. */
  boolean isDisconnected() {
    return disconnected;
  }

  void disconnect() {
    if (!disconnected) {
      disconnected = true;
      queuePair.disconnect();
    }
    monitor.signalAll();
  }

  // The keeper.

  void keptBy(Thread thread) {
    keeper = thread;
  }

  /**
   * One turn of the keeper, who holds the lock: drives if nobody else does, or rests.
   *
   * @param seen how often others had driven at its last turn
   * @return how often by now
   */
  long keep(long seen) {
    boolean wanted = virtualWaiters > 0 || (platformWaiters == 0 && drives == seen);
    if (wanted && !driving && !dead) {
      keeperDrives = true;
      drive(0, LONGEST_SLEEP_NANOS);
      keeperDrives = false;
      return drives;
    }
    // Somebody who has waited since the last turn will tell when he goes.
    if (dead) {
      monitor.signalAll();
    }
    keeperRests = dead || (platformWaiters > 0 && drives == seen);
    boolean rests = keeperRests;
    monitor.unlock();
    if (rests) {
      LockSupport.park(this);
    } else {
      LockSupport.parkNanos(this, GRACE_NANOS);
    }
    monitor.lock();
    keeperRests = false;
    return drives;
  }

  /** Drives until {@code condition} holds or so long has passed; for the keeper. */
  void keepUntil(Condition condition, Deadline deadline) {
    try {
      while (!condition.holds() && !dead && !deadline.hasPassed()) {
        if (driving) {
          queuePair.wake();
          monitor.await(Deadline.after(Duration.ofNanos(GRACE_NANOS)));
        } else {
          keeperDrives = true;
          drive(0, deadline.remainingNanos());
          keeperDrives = false;
        }
      }
    } catch (ChannelException e) {
      breakWith(e);
    }
  }
}
