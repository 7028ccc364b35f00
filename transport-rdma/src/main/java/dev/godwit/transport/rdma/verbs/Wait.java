package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Sleeps until one of several channels has something, a deadline passes, or another thread rings.
 * One thread adds and waits at a time, a platform thread, since the wait holds its carrier; any
 * thread rings. A channel that is destroyed while it is waited for ends the wait.
 */
public final class Wait implements AutoCloseable {
  private static final int MOST = 8;
  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  // One block: the poll entries with the bell's own first, a timespec, the bell's count, the errno
  // of who waits, and that of those who ring, which nobody reads.
  private static final long TIMESPEC = (MOST + 1) * Layouts.PollFd.BYTES;
  private static final long COUNT = TIMESPEC + 2 * Long.BYTES;
  private static final long ONE = COUNT + Long.BYTES;
  private static final long ERRNO = ONE + Long.BYTES;

  private final Handle bell;
  private final MemorySegment memory =
      Arena.ofAuto().allocate(ERRNO + 2 * Foreign.ERRNO_BYTES, Long.BYTES);
  private final MemorySegment errno = memory.asSlice(ERRNO, Foreign.ERRNO_BYTES);
  private final MemorySegment ringing = memory.asSlice(ERRNO + Foreign.ERRNO_BYTES);
  private final AtomicBoolean waiting = new AtomicBoolean();
  private final @Nullable Pollable[] pollables = new @Nullable Pollable[MOST];
  private int size;

  private Wait(int bell) {
    this.bell = new Handle("wait", bell, this::ringFirst);
    memory.set(JAVA_LONG, ONE, 1);
  }

  /**
   * @throws ChannelException.Unsupported if this host has no RDMA libraries
   */
  public static Wait open() throws ChannelException {
    Verbs.install();
    return ofNothing();
  }

  /** For tests without libraries. */
  static Wait ofNothing() throws ChannelException {
    return new Wait(Libc.eventfd());
  }

  /** Waits for this one too; returns its index for {@link #isReady}. At most 8 are waited for. */
  public int add(RdmaEventChannel channel) throws IOException {
    return add(EventChannel.of(channel).pollable());
  }

  /** Waits for this one too; returns its index for {@link #isReady}. */
  public int add(IbvCompChannel channel) throws IOException {
    return add(CompletionChannel.of(channel).pollable());
  }

  /** Waits for this one too; returns its index for {@link #isReady}. */
  public int add(AsyncEvents events) throws IOException {
    return add(events.pollable());
  }

  int add(Pollable pollable) throws IOException {
    begin();
    try {
      if (size == MOST) {
        throw new IllegalStateException("At most " + MOST + " channels are waited for");
      }
      if (!bell.isOpen()) {
        throw new ClosedHandleException("wait");
      }
      pollables[size] = pollable;
      pollable.add(this);
      return size++;
    } finally {
      waiting.set(false);
    }
  }

  /**
   * Waits. A ring that came since the last wait ended ends this one at once, and is used up by it.
   *
   * @return false if the deadline passed with nothing ready and no ring
   * @throws ClosedHandleException if this or one of the channels is closed
   */
  public boolean await(Deadline deadline) throws IOException {
    return awaitNanos(deadline.remainingNanos());
  }

  /**
   * As {@link #await}, for at most so many nanoseconds: {@link Long#MAX_VALUE} without end, 0 for a
   * look.
   */
  public boolean awaitNanos(long nanos) throws IOException {
    begin();
    try {
      int bellFd = (int) bell.enter();
      int entered = 0;
      try {
        set(0, bellFd);
        while (entered < size) {
          Pollable pollable = pollable(entered);
          pollable.handle().enter();
          entered++;
          set(entered, pollable.fd());
        }
        return poll(nanos);
      } finally {
        for (int i = 0; i < entered; i++) {
          pollable(i).handle().leave();
        }
        bell.leave();
      }
    } finally {
      waiting.set(false);
    }
  }

  private boolean poll(long nanos) throws ChannelException.Native {
    boolean forever = nanos == Long.MAX_VALUE;
    long end = forever ? 0 : System.nanoTime() + Math.max(nanos, 0);
    while (true) {
      long left = forever ? 0 : Math.max(end - System.nanoTime(), 0);
      memory.set(JAVA_LONG, TIMESPEC, left / NANOS_PER_SECOND);
      memory.set(JAVA_LONG, TIMESPEC + Long.BYTES, left % NANOS_PER_SECOND);
      long timespec = forever ? 0 : memory.address() + TIMESPEC;
      int ready = Libc.ppoll(errno, memory.address(), size + 1, timespec);
      if (ready > 0) {
        if (result(0) != 0) {
          Libc.read(errno, (int) bell.pointer(), memory.address() + COUNT, Long.BYTES);
        }
        return true;
      }
      if (ready == 0) {
        return false;
      }
      if (ready != -Libc.EINTR) {
        throw Libc.failure("Cannot wait for descriptors", "ppoll", -ready);
      }
    }
  }

  /** Whether the channel with this index had something when the last wait ended. */
  public boolean isReady(int index) {
    if (index < 0 || index >= size) {
      throw new IndexOutOfBoundsException("No channel has index " + index);
    }
    return result(index + 1) != 0;
  }

  /** Ends the wait that runs now, or else the next one; never blocks, and nothing once closed. */
  public void ring() {
    if (bell.tryEnter()) {
      try {
        ringFirst();
      } finally {
        bell.leave();
      }
    }
  }

  /** Ends the wait and releases the descriptor; the channels stay open. Idempotent. */
  @Override
  public void close() {
    try {
      if (bell.destroy("close", fd -> Libc.close((int) fd))) {
        for (int i = 0; i < size; i++) {
          pollable(i).remove(this);
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException("A descriptor could not be closed", e);
    }
  }

  private void ringFirst() {
    Libc.write(ringing, (int) bell.pointer(), memory.address() + ONE, Long.BYTES);
  }

  private void begin() {
    if (!waiting.compareAndSet(false, true)) {
      throw new IllegalStateException("Another thread waits here");
    }
  }

  private Pollable pollable(int index) {
    Pollable pollable = pollables[index];
    if (pollable == null) {
      throw new IllegalStateException("No channel has index " + index);
    }
    return pollable;
  }

  private void set(int entry, int fd) {
    long at = entry * Layouts.PollFd.BYTES;
    memory.set(JAVA_INT, at + Layouts.PollFd.FD, fd);
    memory.set(JAVA_SHORT, at + Layouts.PollFd.EVENTS, Libc.POLLIN);
    memory.set(JAVA_SHORT, at + Layouts.PollFd.RESULT, (short) 0);
  }

  private short result(int entry) {
    return memory.get(JAVA_SHORT, entry * Layouts.PollFd.BYTES + Layouts.PollFd.RESULT);
  }
}
