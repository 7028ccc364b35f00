package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.RdmaCmId;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A connection, a listener, or what becomes one. All but the pointer is under its channel's lock.
 */
final class CmId extends RdmaCmId {
  private final long pointer;
  private final Backend backend;
  private volatile EventChannel channel;
  private boolean alive = true;
  private @Nullable Context context;
  private @Nullable QueuePair queuePair;

  CmId(Backend backend, EventChannel channel, long pointer) throws IOException {
    super(channel, null);
    this.backend = backend;
    this.channel = channel;
    this.pointer = pointer;
    this.ps = CmCalls.PORT_SPACE_TCP;
  }

  static CmId of(RdmaCmId id) {
    if (id instanceof CmId ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not an id of this provider: " + id);
  }

  /** Locks the channel that it belongs to, wherever it is moved meanwhile; returns that channel. */
  @SuppressWarnings("LockNotBeforeTry") // the caller unlocks
  EventChannel lock() {
    while (true) {
      EventChannel seen = channel;
      seen.lock().lock();
      if (seen == channel) {
        return seen;
      }
      seen.lock().unlock();
    }
  }

  long pointer() {
    return pointer;
  }

  /** Its native struct, for its fields. */
  MemorySegment struct() {
    return MemorySegment.ofAddress(pointer).reinterpret(Layouts.CmId.BYTES);
  }

  boolean isAlive() {
    return alive;
  }

  void requireAlive() throws ClosedHandleException {
    if (!alive) {
      throw new ClosedHandleException("id");
    }
  }

  /** Destroys it; if that fails, it stays alive. */
  void die() throws IOException {
    NativeFunction destroyId = backend.libraries().destroyId;
    backend
        .contexts()
        .releaseForId(context, () -> destroyId.number("Cannot destroy an id", pointer));
    alive = false;
    close();
  }

  void move(EventChannel to) {
    channel = to;
    cmChannel = to;
  }

  @Nullable Context context() {
    return context;
  }

  void bind(Context to) {
    context = to;
    setVerbs(to);
  }

  @Nullable QueuePair queuePair() {
    return queuePair;
  }

  void setQueuePair(@Nullable QueuePair queuePair) {
    this.queuePair = queuePair;
    setQp(queuePair);
  }

  /** The device that it is bound to; null while it is bound to none, as DiSNI has it. */
  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying so
  public IbvContext getVerbs() {
    EventChannel locked = lock();
    try {
      return context;
    } finally {
      locked.lock().unlock();
    }
  }

  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying so
  public IbvQP getQp() {
    EventChannel locked = lock();
    try {
      return queuePair;
    } finally {
      locked.lock().unlock();
    }
  }
}
