package dev.godwit.channel.multifd;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Where the channels of a receiver and its main channel wait for one another: the k-th mark of the
 * main channel pairs with the k-th SYNC of every channel (qemu-wire.md §4.6). The first failure
 * ends every wait.
 */
final class SyncGate {
  /** What is known of one channel. */
  private static final class Arrival {
    private boolean connected;
    private boolean ended;
    private int syncs;
  }

  private final Monitor monitor = new Monitor();
  private final Arrival[] arrivals;
  private int released;
  private boolean finished;
  private @Nullable MultifdException failure;

  SyncGate(int channels) {
    arrivals = new Arrival[channels];
    for (int id = 0; id < channels; id++) {
      arrivals[id] = new Arrival();
    }
  }

  /** A channel says who it is; false if there is such a one already. */
  boolean connect(int id) {
    monitor.lock();
    try {
      boolean first = !arrivals[id].connected;
      arrivals[id].connected = true;
      return first;
    } finally {
      monitor.unlock();
    }
  }

  /**
   * A channel stands at its next SYNC, and waits until the main channel has reached its mark, or
   * has none any more.
   */
  void arrive(int id) throws MultifdException {
    monitor.lock();
    try {
      int mine = ++arrivals[id].syncs;
      monitor.signalAll();
      while (released < mine && !finished) {
        if (failure != null) {
          throw failure;
        }
        monitor.await();
      }
    } finally {
      monitor.unlock();
    }
  }

  /** A channel has ended in order. */
  void end(int id) {
    monitor.lock();
    try {
      arrivals[id].ended = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /**
   * The main channel stands at its next mark: waits for all channels, and releases them.
   *
   * @throws MultifdException if they failed before
   * @throws ChannelException.EndedEarly if a channel has ended before its SYNC
   */
  void release(Deadline deadline) throws MultifdException, ChannelException {
    monitor.lock();
    try {
      while (true) {
        if (failure != null) {
          throw failure;
        }
        if (which(id -> arrivals[id].syncs <= released).isEmpty()) {
          released++;
          monitor.signalAll();
          return;
        }
        Optional<String> ended = which(id -> arrivals[id].syncs <= released && arrivals[id].ended);
        if (ended.isPresent()) {
          throw new ChannelException.EndedEarly(
              ended.get() + " ended before sync " + (released + 1));
        }
        if (!monitor.await(deadline)) {
          throw late();
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  private ChannelException.TimedOut late() {
    Optional<String> absent = which(id -> !arrivals[id].connected);
    if (absent.isPresent()) {
      return new ChannelException.TimedOut(absent.get() + " did not connect in time");
    }
    String silent = which(id -> arrivals[id].syncs <= released).orElseThrow();
    return new ChannelException.TimedOut(
        silent + " did not come to sync " + (released + 1) + " in time");
  }

  /** Nothing more is expected: failures no longer count. */
  void finish() throws MultifdException, ChannelException {
    monitor.lock();
    try {
      if (failure != null) {
        throw failure;
      }
      requireNoneBeyond();
      finished = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /** Passes if no channel stands at a SYNC of which the main channel knows nothing. */
  void requireNoneBeyond() throws ChannelException.Violated {
    monitor.lock();
    try {
      Optional<String> beyond = which(id -> arrivals[id].syncs > released);
      if (beyond.isPresent()) {
        throw new ChannelException.Violated(
            beyond.get() + " came to sync " + (released + 1) + " that the main channel has not");
      }
    } finally {
      monitor.unlock();
    }
  }

  /** Ends all waits with what came first, which it returns; empty once all is finished. */
  Optional<MultifdException> fail(MultifdException next) {
    monitor.lock();
    try {
      if (finished) {
        return Optional.empty();
      }
      if (failure == null) {
        failure = next;
        monitor.signalAll();
      }
      return Optional.of(failure);
    } finally {
      monitor.unlock();
    }
  }

  /** The failure, if there was one. */
  Optional<MultifdException> failure() {
    monitor.lock();
    try {
      return Optional.ofNullable(failure);
    } finally {
      monitor.unlock();
    }
  }

  /** The names of the channels that are so, empty if none is; of many only the first. */
  private Optional<String> which(IntPredicate so) {
    String names =
        IntStream.range(0, arrivals.length)
            .filter(so)
            .limit(8)
            .mapToObj(Integer::toString)
            .collect(Collectors.joining(", "));
    return names.isEmpty() ? Optional.empty() : Optional.of("Channel multifd " + names);
  }
}
