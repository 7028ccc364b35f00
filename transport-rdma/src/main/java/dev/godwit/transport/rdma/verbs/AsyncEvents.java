package dev.godwit.transport.rdma.verbs;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * The events of a device, for one of the many that want to know of them: each open one gets each
 * event. Who takes an event from the device rings the {@link Wait}s of the others, so look here
 * after any wait, ready or not. Safe for use by many threads.
 */
public final class AsyncEvents implements AutoCloseable {
  private static final int MOST = 64;

  private final Backend backend;
  private final Context context;
  private final Pollable pollable;
  private final Deque<AsyncEvent> waiting = new ArrayDeque<>();

  private AsyncEvents(Backend backend, Context context) {
    this.backend = backend;
    this.context = context;
    pollable = new Pollable("channel of device events", context.pointer(), context.asyncFd());
  }

  static AsyncEvents open(Backend backend, Context context) throws IOException {
    backend.contexts().hold(context);
    AsyncEvents events = new AsyncEvents(backend, context);
    boolean done = false;
    try {
      context.asyncSource().add(events);
      done = true;
      return events;
    } finally {
      if (!done) {
        backend.contexts().release(context);
      }
    }
  }

  /** The next event if there is one; never waits. If nobody asks, the oldest are dropped. */
  public Optional<AsyncEvent> next() throws IOException {
    pollable.handle().enter();
    try {
      context.asyncSource().take(backend.libraries(), this);
      synchronized (waiting) {
        return Optional.ofNullable(waiting.poll());
      }
    } finally {
      pollable.handle().leave();
    }
  }

  void offer(AsyncEvent event, boolean ring) {
    synchronized (waiting) {
      if (waiting.size() == MOST) {
        waiting.poll();
      }
      waiting.add(event);
    }
    if (ring) {
      pollable.ring();
    }
  }

  Pollable pollable() {
    return pollable;
  }

  /** Idempotent. */
  @Override
  public void close() {
    try {
      pollable
          .handle()
          .destroy(
              "close",
              ignored -> {
                context.asyncSource().remove(this);
                backend.contexts().release(context);
              });
    } catch (IOException e) {
      throw new IllegalStateException("The events of a device could not be closed", e);
    }
  }
}
