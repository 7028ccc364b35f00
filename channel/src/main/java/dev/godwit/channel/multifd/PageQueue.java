package dev.godwit.channel.multifd;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What a sender's channels have to do: batches of pages for whichever is free, then a SYNC for
 * each. One thread gives, the channels' threads take; the number of batches is fixed, so that who
 * gives waits for the network. The first failure ends every wait.
 */
final class PageQueue {
  /** What a channel does next. */
  sealed interface Work permits Batch, Mark {}

  /** What is no batch. */
  enum Mark implements Work {
    /** Say SYNC. */
    SYNC,
    /** There is nothing more. */
    END
  }

  /** Pages of one block that go into one packet. */
  static final class Batch implements Work {
    private final long[] offsets;
    private int count;
    private @Nullable PageSource source;

    private Batch(int pages) {
      offsets = new long[pages];
    }

    /** Begins anew, with pages of {@code block}. */
    void begin(PageSource block) {
      source = block;
      count = 0;
    }

    boolean isOf(PageSource block) {
      return source == block;
    }

    PageSource source() {
      if (source == null) {
        throw new IllegalStateException("The batch was not begun");
      }
      return source;
    }

    void add(long offset) {
      offsets[count++] = offset;
    }

    long offset(int index) {
      return offsets[index];
    }

    int count() {
      return count;
    }

    boolean isFull() {
      return count == offsets.length;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition progress = lock.newCondition();
  private final Deque<Batch> ready;
  private final Deque<Batch> free;
  private final int channels;
  private int syncs;
  private int unsynced;
  private boolean ended;
  private @Nullable MultifdException failure;

  /**
   * @param channels who take
   * @param batches that can be under way together
   * @param pages of one batch at the most
   */
  PageQueue(int channels, int batches, int pages) {
    this.channels = channels;
    this.ready = new ArrayDeque<>(batches);
    this.free = new ArrayDeque<>(batches);
    for (int i = 0; i < batches; i++) {
      free.add(new Batch(pages));
    }
  }

  /** Waits for a batch to fill. */
  Batch take() throws MultifdException {
    lock.lock();
    try {
      while (free.isEmpty()) {
        requireWhole();
        progress.awaitUninterruptibly();
      }
      requireWhole();
      return free.remove();
    } finally {
      lock.unlock();
    }
  }

  /** Hands a filled batch to the channels. */
  void put(Batch batch) throws MultifdException {
    lock.lock();
    try {
      requireWhole();
      ready.add(batch);
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Returns when every channel has said SYNC after all batches that were put. */
  void sync() throws MultifdException {
    lock.lock();
    try {
      requireWhole();
      syncs++;
      unsynced = channels;
      work.signalAll();
      while (unsynced > 0) {
        requireWhole();
        progress.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** The channels end when all is done. */
  void end() throws MultifdException {
    lock.lock();
    try {
      requireWhole();
      ended = true;
      work.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waits with what came first, which it returns. */
  MultifdException fail(MultifdException next) {
    lock.lock();
    try {
      if (failure == null) {
        failure = next;
        work.signalAll();
        progress.signalAll();
      }
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /** The failure, if there was one. */
  Optional<MultifdException> failure() {
    lock.lock();
    try {
      return Optional.ofNullable(failure);
    } finally {
      lock.unlock();
    }
  }

  /**
   * What a channel does next.
   *
   * @param said how often it has said SYNC
   */
  Work next(int said) throws MultifdException {
    lock.lock();
    try {
      while (true) {
        requireWhole();
        if (!ready.isEmpty()) {
          return ready.remove();
        }
        if (said < syncs) {
          return Mark.SYNC;
        }
        if (ended) {
          return Mark.END;
        }
        work.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** A batch was sent. */
  void sent(Batch batch) {
    lock.lock();
    try {
      free.add(batch);
      progress.signal();
    } finally {
      lock.unlock();
    }
  }

  /** A channel has said SYNC. */
  void synced() {
    lock.lock();
    try {
      unsynced--;
      if (unsynced == 0) {
        progress.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireWhole() throws MultifdException {
    if (failure != null) {
      throw failure;
    }
  }
}
