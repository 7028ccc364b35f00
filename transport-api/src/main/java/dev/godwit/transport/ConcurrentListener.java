package dev.godwit.transport;

import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts channels whose layers wait for the peer, as TLS does for its handshake: each is wrapped
 * on a thread of its own, so that a peer that says nothing holds nobody up.
 *
 * <p>Channels are handed over in the order in which they came; one that is ready passes those that
 * are not once it has been here for {@link #ORDER}. A channel whose wrapping fails is refused with
 * a line in the log, and accepting goes on; where there can be one channel only, accept fails as
 * well.
 */
final class ConcurrentListener implements Listener {
  private static final Logger LOG = LoggerFactory.getLogger(ConcurrentListener.class);

  /** One migration has 257 channels at the most; the rest is room for those that never speak. */
  private static final int MOST_WAITING = 512;

  /** How long a peer may take to play its part. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Duration ORDER = Duration.ofSeconds(1);

  /** Puts the layers above a channel; closes it if it fails. */
  @FunctionalInterface
  interface Wrapper {
    Channel wrap(Channel inner, Deadline deadline) throws ChannelException;
  }

  private final Listener inner;
  private final Wrapper wrapper;
  private final boolean single;
  private final Monitor monitor = new Monitor();
  private final Thread acceptor;
  private final List<Arrival> arrivals = new ArrayList<>();
  private final List<Thread> workers = new ArrayList<>();
  private boolean started;
  private boolean flooded;
  private boolean closed;
  private @Nullable Throwable aborted;

  /** Why accepting cannot go on, until somebody has been told. */
  private @Nullable ChannelException failure;

  /**
   * @param inner owned by this listener from now on
   * @param single whether the address carries one channel only
   */
  ConcurrentListener(Listener inner, Wrapper wrapper, boolean single) {
    this.inner = inner;
    this.wrapper = wrapper;
    this.single = single;
    this.acceptor = Thread.ofPlatform().name("godwit-accept-raw").daemon().unstarted(this::run);
  }

  @Override
  public Endpoint local() {
    return inner.local();
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    monitor.lock();
    try {
      start();
      while (true) {
        if (aborted != null) {
          throw new ChannelException.Aborted("Listening at " + local() + " was ended", aborted);
        }
        Optional<Arrival> ready = ready();
        if (ready.isPresent()) {
          arrivals.remove(ready.get());
          monitor.signalAll();
          return ready.get().wrapped();
        }
        ChannelException cause = failure;
        if (cause != null && arrivals.isEmpty()) {
          failure = null;
          monitor.signalAll();
          throw cause;
        }
        if (deadline.hasPassed()) {
          throw new ChannelException.TimedOut("Nobody connected to " + local() + " in time");
        }
        monitor.await(nextLook(deadline));
      }
    } finally {
      monitor.unlock();
    }
  }

  private void start() {
    if (!started) {
      started = true;
      acceptor.start();
    }
  }

  /** The next channel to hand over, if it is its turn. */
  private Optional<Arrival> ready() {
    boolean waiting = false;
    for (Arrival arrival : arrivals) {
      if (!arrival.isReady()) {
        waiting = true;
      } else if (!waiting || arrival.orderNanos() == 0) {
        return Optional.of(arrival);
      }
    }
    return Optional.empty();
  }

  /** When to look again although nothing was signalled. */
  private Deadline nextLook(Deadline deadline) {
    long nanos =
        arrivals.stream().filter(Arrival::isReady).mapToLong(Arrival::orderNanos).min().orElse(-1);
    return nanos < 0 || nanos > deadline.remainingNanos()
        ? deadline
        : Deadline.after(Duration.ofNanos(nanos));
  }

  // The thread that accepts.

  private void run() {
    while (mayAccept()) {
      try {
        arrived(inner.accept(Deadline.never()));
      } catch (ChannelException e) {
        monitor.lock();
        try {
          failure = e;
          monitor.signalAll();
        } finally {
          monitor.unlock();
        }
      }
    }
  }

  /** Waits until there is room, and after a failure until somebody was told. */
  private boolean mayAccept() {
    monitor.lock();
    try {
      while (aborted == null && (failure != null || isFull())) {
        monitor.await();
      }
      return aborted == null;
    } finally {
      monitor.unlock();
    }
  }

  private boolean isFull() {
    return single
        ? !arrivals.isEmpty()
        : arrivals.size() >= MOST_WAITING && arrivals.stream().allMatch(Arrival::isReady);
  }

  private void arrived(Channel channel) {
    Arrival arrival = new Arrival(channel);
    monitor.lock();
    try {
      if (aborted != null) {
        arrival.drop(aborted);
        return;
      }
      if (arrivals.size() >= MOST_WAITING) {
        dropOldestWaiting();
      }
      arrivals.add(arrival);
      Thread worker =
          Thread.ofPlatform()
              .name("godwit-wrap-" + channel.info().serial())
              .daemon()
              .unstarted(() -> wrap(arrival));
      workers.removeIf(thread -> !thread.isAlive());
      workers.add(worker);
      worker.start();
    } finally {
      monitor.unlock();
    }
  }

  private void dropOldestWaiting() {
    arrivals.stream()
        .filter(arrival -> !arrival.isReady())
        .findFirst()
        .ifPresent(
            oldest -> {
              if (!flooded) {
                flooded = true;
                LOG.warn(
                    "A flood at {}: {} connections are not established yet, the oldest are let go",
                    local(),
                    arrivals.size());
              }
              arrivals.remove(oldest);
              oldest.abort(new ChannelException.Violated("It was silent in a flood"));
            });
  }

  private void wrap(Arrival arrival) {
    Channel wrapped = null;
    ChannelException why = null;
    try {
      wrapped = wrapper.wrap(arrival.channel, Deadline.after(PATIENCE));
    } catch (ChannelException e) {
      why = e;
    } catch (RuntimeException e) {
      why = new ChannelException.Unsupported("Godwit itself is at fault: " + e);
      LOG.error("Could not establish a connection from {}", arrival.channel.info().remote(), e);
    }
    monitor.lock();
    try {
      if (wrapped == null) {
        failed(arrival, why);
      } else if (aborted == null && arrivals.contains(arrival)) {
        arrival.wrapped = wrapped;
      } else {
        drop(wrapped, new ChannelException.Aborted("It came too late", aborted));
      }
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  private void failed(Arrival arrival, @Nullable ChannelException why) {
    if (!arrivals.remove(arrival) || why == null || aborted != null) {
      return;
    }
    LOG.warn("Refused a connection from {}: {}", arrival.channel.info().remote(), why.getMessage());
    if (single) {
      failure = why;
    }
  }

  // The end.

  @Override
  public void abort(Throwable cause) {
    List<Arrival> waiting;
    monitor.lock();
    try {
      if (aborted != null) {
        return;
      }
      aborted = cause;
      waiting = List.copyOf(arrivals);
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    inner.abort(cause);
    waiting.forEach(arrival -> arrival.abort(cause));
  }

  @Override
  public void close() throws ChannelException {
    abort(new ChannelException.Aborted("Listening at " + local() + " was ended", null));
    List<Arrival> left;
    List<Thread> running;
    monitor.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      left = List.copyOf(arrivals);
      arrivals.clear();
      running = List.copyOf(workers);
    } finally {
      monitor.unlock();
    }
    try {
      Uninterruptibly.join(acceptor);
      running.forEach(Uninterruptibly::join);
      for (Arrival arrival : left) {
        if (arrival.isReady()) {
          Closing.all(List.of(arrival.wrapped()));
        }
      }
    } finally {
      inner.close();
    }
  }

  private static void drop(Channel channel, Throwable cause) {
    channel.abort(cause);
    try {
      channel.close();
    } catch (ChannelException e) {
      LOG.debug("Closing {}", channel, e);
    }
  }

  /** A channel on its way to whoever accepts; its state is guarded by the monitor. */
  private static final class Arrival {
    private final Channel channel;
    private final Deadline order = Deadline.after(ORDER);
    private @Nullable Channel wrapped;

    Arrival(Channel channel) {
      this.channel = channel;
    }

    boolean isReady() {
      return wrapped != null;
    }

    /** How long it still waits for those before it. */
    long orderNanos() {
      return order.remainingNanos();
    }

    Channel wrapped() {
      if (wrapped == null) {
        throw new IllegalStateException("It is not ready");
      }
      return wrapped;
    }

    /** Ends what its thread waits for; that thread closes the channel. */
    void abort(Throwable cause) {
      if (wrapped == null) {
        channel.abort(cause);
      } else {
        wrapped.abort(cause);
      }
    }

    void drop(Throwable cause) {
      ConcurrentListener.drop(channel, cause);
    }
  }
}
