package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.RdmaEventChannel;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Where the events of some ids arrive. Its lock is held for each call of the connection manager
 * that concerns one of its ids: librdmacm changes an id's queue pair while it takes an event, so
 * taking events, connecting and destroying must not meet. None of these calls waits for the
 * network.
 */
final class EventChannel extends RdmaEventChannel {
  private final Pollable pollable;
  private final ReentrantLock lock = new ReentrantLock();

  /** Under the lock. */
  private final Map<Long, CmId> ids = new HashMap<>();

  EventChannel(long pointer, int fd) throws IOException {
    super(fd);
    pollable = new Pollable("event channel", pointer, fd);
  }

  static EventChannel of(RdmaEventChannel channel) {
    if (channel instanceof EventChannel ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not an event channel of this provider: " + channel);
  }

  Pollable pollable() {
    return pollable;
  }

  Handle handle() {
    return pollable.handle();
  }

  ReentrantLock lock() {
    return lock;
  }

  /** Takes an id in; the caller has the lock and has entered. */
  void add(CmId id) {
    ids.put(id.pointer(), id);
    handle().adopt();
  }

  /** The caller has the lock. */
  void remove(CmId id) {
    if (ids.remove(id.pointer(), id)) {
      handle().release();
    }
  }

  /** The id with this pointer, or null; the caller has the lock. */
  @Nullable CmId id(long pointer) {
    return ids.get(pointer);
  }
}
