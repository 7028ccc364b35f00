package dev.godwit.channel.identity;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of one migration as they come in, told apart by their first bytes. One is the
 * main channel; multifd channels wait until somebody takes them. What belongs to no migration is
 * closed and logged, since any port is knocked at.
 */
public final class Arrivals implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Arrivals.class);

  /** Connections that have said nothing yet cost a thread each. */
  private static final int MAX_SILENT = 16;

  private static final String TOO_LATE = "It is too late for it";

  /** Takes a multifd channel, which is the taker's from then on. */
  @FunctionalInterface
  public interface Taker {
    void take(int id, ChannelReader reader);
  }

  /** A multifd channel that nobody has taken yet. */
  private record Early(int id, ChannelReader reader) {
    void handTo(Taker taker) {
      taker.take(id, reader);
    }
  }

  private final Listener listener;
  private final int others;
  private final Ending ending;
  private final Monitor monitor = new Monitor();
  private final List<Thread> threads = new ArrayList<>();
  private final List<Channel> unknown = new ArrayList<>();
  private final List<Early> early = new ArrayList<>();
  private @Nullable ChannelReader main;
  private @Nullable Taker taker;
  private boolean begun;
  private @Nullable ChannelException unexpected;
  private @Nullable Throwable failure;

  /**
   * @param listener stays the caller's
   * @param others how many multifd channels were agreed on
   * @param ending of the migration: gives up what waits here, and is told of a channel too many
   */
  public Arrivals(Listener listener, int others, Ending ending) {
    this.listener = listener;
    this.others = others;
    this.ending = ending;
    ending.with(this::fail);
  }

  /**
   * Accepts from now on, and returns the main channel once it is there; it is the caller's.
   *
   * @throws ChannelException if no more can be accepted, or the migration was given up
   */
  public ChannelReader awaitMain() throws ChannelException {
    start(this::accept, "migration-accept");
    monitor.lock();
    try {
      while (main == null) {
        switch (failure) {
          case null -> monitor.await();
          case ChannelException e -> throw e;
          case Throwable e -> throw new ChannelException.Aborted("Waiting was given up", e);
        }
      }
      return main;
    } finally {
      monitor.unlock();
    }
  }

  /**
   * The main channel has said how the migration is done, and its source can be answered: from now
   * on a channel too many fails it. Idempotent.
   */
  public void mainHasBegun() {
    monitor.lock();
    try {
      begun = true;
    } finally {
      monitor.unlock();
    }
    judge();
  }

  /** Hands over the multifd channels that have come, and each that comes later as it comes. */
  public void handTo(Taker next) {
    List<Early> waiting;
    monitor.lock();
    try {
      taker = next;
      waiting = List.copyOf(early);
      early.clear();
    } finally {
      monitor.unlock();
    }
    waiting.forEach(channel -> channel.handTo(next));
  }

  private void accept() {
    try {
      Channel channel = listener.accept(Deadline.never());
      while (channel.info().capabilities().manyChannels()) {
        begin(channel);
        channel = listener.accept(Deadline.never());
      }
      takeOnly(new ChannelReader(channel, ChannelClassifier.PEEK_BYTES));
    } catch (ChannelException e) {
      fail(e);
    }
  }

  /** No other will come: whoever reads it says best what is wrong with it. */
  private void takeOnly(ChannelReader reader) {
    monitor.lock();
    try {
      if (isOver()) {
        unknown.add(reader.channel());
      } else {
        main = reader;
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }

  private void begin(Channel channel) {
    String objection;
    monitor.lock();
    try {
      if (isOver()) {
        objection = TOO_LATE;
      } else if (unknown.size() >= MAX_SILENT + others) {
        objection = "Too many connections are silent";
      } else {
        unknown.add(channel);
        start(() -> look(channel), "migration-look");
        return;
      }
    } finally {
      monitor.unlock();
    }
    drop(channel, objection);
  }

  private void look(Channel channel) {
    ChannelReader reader = new ChannelReader(channel, ChannelClassifier.PEEK_BYTES);
    Optional<String> objection;
    try {
      objection = place(reader, ChannelClassifier.classify(reader));
    } catch (ChannelException e) {
      objection = Optional.of(String.valueOf(e.getMessage()));
    }
    boolean mine;
    monitor.lock();
    try {
      mine = unknown.remove(channel);
    } finally {
      monitor.unlock();
    }
    if (mine && objection.isPresent()) {
      drop(channel, objection.get());
    }
  }

  /** Why nobody wants it; empty if it has found its place. */
  private Optional<String> place(ChannelReader reader, ChannelRole role) {
    Optional<String> objection = Optional.empty();
    Runnable handover = () -> {};
    monitor.lock();
    try {
      if (isOver()) {
        return Optional.of(TOO_LATE);
      }
      switch (role) {
        case ChannelRole.Main ignored -> {
          if (main != null) {
            return Optional.of("Another migration is under way");
          }
          main = reader;
          unknown.remove(reader.channel());
          monitor.signalAll();
        }
        case ChannelRole.Multifd multifd -> {
          if (others == 0) {
            if (unexpected == null) {
              unexpected =
                  new ChannelException.Violated(
                      "The source has multifd on: channel "
                          + multifd.id()
                          + " came, and this side was told of none");
            }
            handover = this::judge;
            objection = Optional.of("No multifd channel was agreed on");
            break;
          }
          unknown.remove(reader.channel());
          Early channel = new Early(multifd.id(), reader);
          Taker now = taker;
          if (now == null) {
            early.add(channel);
          } else {
            handover = () -> channel.handTo(now);
          }
        }
        case ChannelRole.Tls ignored -> {
          return Optional.of("It speaks TLS, and this side does not");
        }
        case ChannelRole.Recovery ignored -> {
          return Optional.of("It goes on with a postcopy, which this side does not take");
        }
        case ChannelRole.Preempt ignored -> {
          return Optional.of("It is for urgent postcopy pages, which this side does not take");
        }
        case ChannelRole.Silent ignored -> {
          return Optional.of("It ended without a byte");
        }
        case ChannelRole.Opaque ignored -> {
          return Optional.of("Nobody knows what it is");
        }
      }
    } finally {
      monitor.unlock();
    }
    handover.run();
    return objection;
  }

  /** A channel too many is a source's, and fails its migration, once that has begun. */
  private void judge() {
    ChannelException reason;
    monitor.lock();
    try {
      reason = begun ? unexpected : null;
    } finally {
      monitor.unlock();
    }
    if (reason != null) {
      ending.abort(reason);
    }
  }

  /** Nobody waits for a channel any more; under the monitor. */
  private boolean isOver() {
    return failure != null;
  }

  private static void drop(Channel channel, String why) {
    LOG.warn("A connection from {} is not taken: {}", channel.info().remote(), why);
    channel.abort(new IllegalStateException(why));
    closeQuietly(channel);
  }

  private static void closeQuietly(Channel channel) {
    try {
      channel.close();
    } catch (ChannelException e) {
      LOG.debug("Closing {} failed", channel.info().remote(), e);
    }
  }

  private void start(Runnable work, String name) {
    Thread thread = Thread.ofPlatform().daemon().name(name).unstarted(work);
    monitor.lock();
    try {
      threads.removeIf(before -> before.getState() == Thread.State.TERMINATED);
      threads.add(thread);
      thread.start();
    } finally {
      monitor.unlock();
    }
  }

  private void fail(Throwable cause) {
    List<Channel> waiting;
    monitor.lock();
    try {
      if (failure == null) {
        failure = cause;
      }
      waiting = List.copyOf(unknown);
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    listener.abort(cause);
    waiting.forEach(channel -> channel.abort(cause));
  }

  /** Accepts no more, waits for the threads, and closes what nobody has taken. */
  @Override
  public void close() {
    fail(new IllegalStateException("No more connections are accepted"));
    List<Thread> running;
    List<Channel> left = new ArrayList<>();
    monitor.lock();
    try {
      running = List.copyOf(threads);
    } finally {
      monitor.unlock();
    }
    // All are aborted, so that they end soon.
    running.forEach(Uninterruptibly::join);
    monitor.lock();
    try {
      left.addAll(unknown);
      early.forEach(channel -> left.add(channel.reader.channel()));
      unknown.clear();
      early.clear();
    } finally {
      monitor.unlock();
    }
    for (Channel channel : left) {
      channel.abort(new IllegalStateException("Nobody took the connection"));
      closeQuietly(channel);
    }
  }
}
