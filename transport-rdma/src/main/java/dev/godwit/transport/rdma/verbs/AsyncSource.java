package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Takes a device's events, and gives each to all who opened them. */
final class AsyncSource {
  /**
   * More at once tell nothing new: without this, a hostile driver decides how much memory we use.
   */
  private static final int MOST_AT_ONCE = 256;

  private static final int QUEUE_PAIR_LAST = 7;
  private static final int QUEUE_PAIR_LAST_WQE = 16;
  private static final int FIRST_OF_PORT = 9;
  private static final int LAST_OF_PORT = 13;
  private static final int CLIENT_REREGISTER = 17;

  private final Context context;
  private final List<AsyncEvents> open = new ArrayList<>();
  private boolean unblocked;

  AsyncSource(Context context) {
    this.context = context;
  }

  synchronized void add(AsyncEvents events) throws IOException {
    if (!unblocked) {
      Libc.unblock(context.asyncFd());
      unblocked = true;
    }
    open.add(events);
  }

  synchronized void remove(AsyncEvents events) {
    open.remove(events);
  }

  /** Takes what there is; the caller holds the device. */
  synchronized void take(Libraries libraries, AsyncEvents taker) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment event = arena.allocate(Layouts.Async.BYTES, Long.BYTES);
      for (int i = 0; i < MOST_AT_ONCE; i++) {
        if (libraries.getAsyncEvent.negated(context.pointer(), event.address()) != 0) {
          return;
        }
        AsyncEvent read;
        try {
          read = read(event);
        } finally {
          libraries.ackAsyncEvent.plain(event.address());
        }
        for (AsyncEvents each : open) {
          each.offer(read, each != taker);
        }
      }
    }
  }

  private AsyncEvent read(MemorySegment event) {
    int type = event.get(JAVA_INT, Layouts.Async.TYPE);
    boolean ofQueuePair = (type > 0 && type <= QUEUE_PAIR_LAST) || type == QUEUE_PAIR_LAST_WQE;
    boolean ofPort =
        (type >= FIRST_OF_PORT && type <= LAST_OF_PORT)
            || type == CLIENT_REREGISTER
            || type == AsyncEvent.GID_CHANGE;
    return new AsyncEvent(
        type,
        ofPort ? event.get(JAVA_INT, Layouts.Async.ELEMENT) : 0,
        ofQueuePair ? context.numberOf(event.get(JAVA_LONG, Layouts.Async.ELEMENT)) : 0);
  }
}
