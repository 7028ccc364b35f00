package dev.godwit.channel.image;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Uninterruptibly;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Shares a block out among lanes, a piece at a time, each lane on a thread of its own. */
final class Lanes {
  /** Long enough for whole writes of a disk, short enough that no lane is left with much more. */
  static final long PIECE_BYTES = 16L << 20;

  /** What is done with a piece of a block. */
  @FunctionalInterface
  interface Work {
    /**
     * @param lane number of the lane that this thread has alone
     * @param offset of the piece in the block
     */
    void run(int lane, long offset, long length) throws ChannelException, StreamException;
  }

  private final List<ImageLane> all;

  Lanes(List<ImageLane> all) {
    if (all.isEmpty()) {
      throw new IllegalArgumentException("Pages need at least one lane");
    }
    this.all = List.copyOf(all);
  }

  int count() {
    return all.size();
  }

  ImageLane get(int lane) {
    return all.get(lane);
  }

  /**
   * Returns when every piece of {@code bytes} is done. After a failure no lane begins another
   * piece; the first failure is thrown when all have stopped.
   */
  void share(long bytes, Work work) throws ChannelException, StreamException {
    AtomicLong next = new AtomicLong();
    AtomicReference<@Nullable Throwable> first = new AtomicReference<>();
    int threads = (int) Math.min(all.size(), Math.ceilDiv(bytes, PIECE_BYTES));
    List<Thread> others = new ArrayList<>();
    try {
      for (int i = 1; i < threads; i++) {
        int lane = i;
        others.add(
            Thread.ofPlatform()
                .name("image lane " + lane)
                .start(() -> pieces(lane, bytes, work, next, first)));
      }
      pieces(0, bytes, work, next, first);
    } finally {
      // Whatever happens, they work in memory that is freed afterwards.
      others.forEach(Uninterruptibly::join);
    }
    rethrow(first.get());
  }

  // An exception cannot be suppressed by itself, and two lanes may throw the same one.
  @SuppressWarnings("ReferenceEquality")
  private static void pieces(
      int lane,
      long bytes,
      Work work,
      AtomicLong next,
      AtomicReference<@Nullable Throwable> first) {
    try {
      for (long at = next.getAndAdd(PIECE_BYTES);
          at < bytes && first.get() == null;
          at = next.getAndAdd(PIECE_BYTES)) {
        work.run(lane, at, Math.min(PIECE_BYTES, bytes - at));
      }
    } catch (Throwable e) {
      if (!first.compareAndSet(null, e)) {
        Throwable earlier = first.get();
        if (earlier != null && earlier != e) {
          earlier.addSuppressed(e);
        }
      }
    }
  }

  private static void rethrow(@Nullable Throwable failure)
      throws ChannelException, StreamException {
    switch (failure) {
      case null -> {}
      case ChannelException e -> throw e;
      case StreamException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }
}
