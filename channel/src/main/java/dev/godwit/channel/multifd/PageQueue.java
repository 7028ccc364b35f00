package dev.godwit.channel.multifd;

import dev.godwit.transport.support.Uninterruptibly;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
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
    private int limit;
    private @Nullable PageSource source;

    private Batch(int pages) {
      offsets = new long[pages];
    }

    /** Begins anew, with pages of {@code block}. */
    void begin(PageSource block) {
      source = block;
      limit = block.packetPages();
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
      return count == limit;
    }
  }

  /** The channels wait for work here, and what they are to do is guarded by it. */
  private final Object work = new Object();

  /** Who gives waits for batches and syncs here, and those are guarded by it. */
  private final Object progress = new Object();

  private final Deque<Batch> ready;
  private final Deque<Batch> free;
  private final int channels;
  private int syncs;
  private int unsynced;
  private boolean ended;

  /** Set under {@link #work}, before anybody is woken for it. */
  private volatile @Nullable MultifdException failure;

  /**
   * @param channels who take
   * @param batches that can be under way together
   * @param pages of one batch at the most, of whatever block
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
    boolean interrupted = false;
    synchronized (progress) {
      while (failure == null && free.isEmpty()) {
        interrupted |= Uninterruptibly.await(progress);
      }
      Uninterruptibly.restore(interrupted);
      requireWhole();
      return free.remove();
    }
  }

  /** Hands a filled batch to the channels. */
  void put(Batch batch) throws MultifdException {
    synchronized (work) {
      requireWhole();
      ready.add(batch);
      work.notify();
    }
  }

  /** Returns when every channel has said SYNC after all batches that were put. */
  void sync() throws MultifdException {
    synchronized (progress) {
      unsynced = channels;
    }
    synchronized (work) {
      requireWhole();
      syncs++;
      work.notifyAll();
    }
    boolean interrupted = false;
    synchronized (progress) {
      while (failure == null && unsynced > 0) {
        interrupted |= Uninterruptibly.await(progress);
      }
      Uninterruptibly.restore(interrupted);
      if (unsynced > 0) {
        requireWhole();
      }
    }
  }

  /** The channels end when all is done. */
  void end() throws MultifdException {
    synchronized (work) {
      requireWhole();
      ended = true;
      work.notifyAll();
    }
  }

  /** Ends all waits with what came first, which it returns. */
  MultifdException fail(MultifdException next) {
    MultifdException first;
    synchronized (work) {
      MultifdException before = failure;
      first = before == null ? next : before;
      failure = first;
      work.notifyAll();
    }
    synchronized (progress) {
      progress.notifyAll();
    }
    return first;
  }

  /** The failure, if there was one. */
  Optional<MultifdException> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * What a channel does next.
   *
   * @param said how often it has said SYNC
   */
  Work next(int said) throws MultifdException {
    boolean interrupted = false;
    synchronized (work) {
      while (failure == null && ready.isEmpty() && said == syncs && !ended) {
        interrupted |= Uninterruptibly.await(work);
      }
      Uninterruptibly.restore(interrupted);
      requireWhole();
      if (!ready.isEmpty()) {
        return ready.remove();
      }
      return said < syncs ? Mark.SYNC : Mark.END;
    }
  }

  /** A batch was sent. */
  void sent(Batch batch) {
    synchronized (progress) {
      free.add(batch);
      progress.notify();
    }
  }

  /** A channel has said SYNC. */
  void synced() {
    synchronized (progress) {
      unsynced--;
      progress.notify();
    }
  }

  private void requireWhole() throws MultifdException {
    MultifdException first = failure;
    if (first != null) {
      throw first;
    }
  }
}
