package dev.godwit.migration.qmp;

import dev.godwit.transport.Deadline;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The events of one connection from the moment of {@link QmpClient#events}, in QEMU's order.
 *
 * <p>Holds at most {@link #CAPACITY} that nobody has taken; beyond that the oldest go and {@link
 * #lost} counts them, so a consumer that sleeps neither holds up answers nor fills memory. Several
 * threads may take from one subscription: each event goes to one of them.
 */
public final class QmpEvents implements AutoCloseable {
  /** A migration emits a few dozen events; only a consumer that has stopped falls this far back. */
  public static final int CAPACITY = 4096;

  private final Consumer<QmpEvents> unsubscribe;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<QmpEvent> pending = new ArrayDeque<>();
  private long lost;
  private @Nullable QmpException end;

  QmpEvents(Consumer<QmpEvents> unsubscribe) {
    this.unsubscribe = unsubscribe;
  }

  /**
   * Takes the next event, or returns empty when the deadline passes first.
   *
   * @throws QmpException the reason why the connection ended, once every event before that was
   *     taken
   */
  public Optional<QmpEvent> next(Deadline deadline) throws QmpException {
    lock.lock();
    try {
      while (pending.isEmpty()) {
        if (end != null) {
          throw QmpFailures.again(end);
        }
        if (deadline.hasPassed()) {
          return Optional.empty();
        }
        changed.await(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
      }
      return Optional.of(pending.remove());
    } catch (InterruptedException e) {
      throw QmpFailures.interrupted("Interrupted while waiting for an event", e);
    } finally {
      lock.unlock();
    }
  }

  /** How many events went unseen because nobody took them in time. */
  public long lost() {
    lock.lock();
    try {
      return lost;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the subscription; the connection lives on. */
  @Override
  public void close() {
    unsubscribe.accept(this);
    end(new QmpException.Closed("The subscription was closed", null));
  }

  void deliver(QmpEvent event) {
    lock.lock();
    try {
      if (end != null) {
        return;
      }
      if (pending.size() == CAPACITY) {
        pending.remove();
        lost++;
      }
      pending.add(event);
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  void end(QmpException reason) {
    lock.lock();
    try {
      if (end == null) {
        end = reason;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
