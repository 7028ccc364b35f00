package dev.godwit.transport.rdma.verbs;

import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A native object, and the one gate to its pointer: who uses it enters and leaves, and it is
 * destroyed only once nobody is inside and no other object is built on it. Entering and leaving is
 * one atomic step each.
 */
final class Handle {
  private static final long CLOSED = Long.MIN_VALUE;
  private static final long CHILD = 1L << 32;
  private static final long USERS = CHILD - 1;
  private static final int SPINS = 1000;
  private static final long PAUSE_NANOS = 50_000;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Handle.class, "state", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Destroys the native object; if it throws, the object is as before. */
  interface Destroyer {
    void destroy(long pointer) throws IOException;
  }

  private final String name;
  private final long pointer;
  private final Runnable whenClosing;
  private final ReentrantLock destroying = new ReentrantLock();

  /** Whether closed, how many children, how many users: 1, 31 and 32 bits. */
  @SuppressWarnings("UnusedVariable") // through STATE
  private volatile long state;

  /**
   * @param name in a sentence after "the", for example {@code queue pair}
   */
  Handle(String name, long pointer) {
    this(name, pointer, () -> {});
  }

  /**
   * @param whenClosing run when nobody can enter any more, to make those inside leave
   */
  Handle(String name, long pointer, Runnable whenClosing) {
    this.name = name;
    this.pointer = pointer;
    this.whenClosing = whenClosing;
  }

  boolean isOpen() {
    return state >= 0;
  }

  /** Which object it is; only to compare, never to be given to C without having entered. */
  long pointer() {
    return pointer;
  }

  /** Keeps the object alive until {@link #leave}, and returns its pointer. */
  long enter() throws ClosedHandleException {
    if (!tryEnter()) {
      throw new ClosedHandleException(name);
    }
    return pointer;
  }

  boolean tryEnter() {
    long seen;
    do {
      seen = state;
      if (seen < 0) {
        return false;
      }
    } while (!STATE.compareAndSet(this, seen, seen + 1));
    return true;
  }

  void leave() {
    STATE.getAndAdd(this, -1L);
  }

  /** Another object is built on this one. The caller has entered. */
  void adopt() {
    STATE.getAndAdd(this, CHILD);
  }

  /** An object that was built on this one is destroyed. */
  void release() {
    STATE.getAndAdd(this, -CHILD);
  }

  /**
   * Destroys it, once all who are inside have left; no one enters from now on. If others are built
   * on it, or C refuses, it stays as it was.
   *
   * @param call the C function that would refuse
   * @return false if it is destroyed already
   */
  boolean destroy(String call, Destroyer destroyer) throws IOException {
    destroying.lock();
    try {
      if (state < 0) {
        return false;
      }
      long seen;
      do {
        seen = state;
        refuseIfUsed(seen, call);
      } while (!STATE.compareAndSet(this, seen, seen | CLOSED));
      boolean done = false;
      try {
        whenClosing.run();
        awaitNobody();
        // Who was inside may have built something on it.
        refuseIfUsed(state, call);
        destroyer.destroy(pointer);
        done = true;
      } finally {
        if (!done) {
          STATE.getAndBitwiseAnd(this, ~CLOSED);
        }
      }
      return true;
    } finally {
      destroying.unlock();
    }
  }

  private void refuseIfUsed(long seen, String call) throws ChannelException.Native {
    long children = (seen & ~CLOSED) >>> 32;
    if (children > 0) {
      throw Libc.failure(
          "The " + name + " is still used by " + children + " others", call, Libc.EBUSY);
    }
  }

  private void awaitNobody() {
    for (int spins = 0; (state & USERS) != 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }
}
