package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvCompChannel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/** Where completion queues that are armed tell that they have something. */
final class CompletionChannel extends IbvCompChannel {
  private final Backend backend;
  private final Context device;
  private final Pollable pollable;

  /** Held to take an event and to destroy a queue, which may not meet. */
  private final ReentrantLock lock = new ReentrantLock();

  private final MemorySegment scratch =
      Arena.ofAuto().allocate(2 * Long.BYTES + Foreign.ERRNO_BYTES, Long.BYTES);
  private final MemorySegment errno = scratch.asSlice(2 * Long.BYTES);

  private CompletionChannel(Backend backend, Context device, long pointer, int fd)
      throws IOException {
    super(fd, device);
    this.backend = backend;
    this.device = device;
    pollable = new Pollable("completion channel", pointer, fd);
  }

  static CompletionChannel create(Backend backend, Context device) throws IOException {
    Libraries libraries = backend.libraries();
    backend.contexts().hold(device);
    long pointer = 0;
    boolean done = false;
    try {
      pointer =
          libraries.createCompChannel.pointer("Cannot open a completion channel", device.pointer());
      MemorySegment struct =
          MemorySegment.ofAddress(pointer).reinterpret(Layouts.CompChannel.BYTES);
      int fd = struct.get(JAVA_INT, Layouts.CompChannel.FD);
      Libc.unblock(fd);
      CompletionChannel channel = new CompletionChannel(backend, device, pointer, fd);
      done = true;
      return channel;
    } finally {
      if (!done) {
        if (pointer != 0) {
          libraries.destroyCompChannel.plain(pointer);
        }
        backend.contexts().release(device);
      }
    }
  }

  static CompletionChannel of(IbvCompChannel channel) {
    if (channel instanceof CompletionChannel ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not a completion channel of this provider: " + channel);
  }

  Context device() {
    return device;
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

  /** Takes and acknowledges an event of any of its queues; false if there was none in time. */
  boolean takeEvent(Deadline deadline) throws IOException {
    while (true) {
      long pointer = handle().enter();
      try {
        if (takeEvent(pointer)) {
          return true;
        }
        if (deadline.hasPassed()) {
          return false;
        }
        Slices.await(pollable.fd(), deadline);
      } finally {
        handle().leave();
      }
    }
  }

  private boolean takeEvent(long pointer) throws ChannelException.Native {
    Libraries libraries = backend.libraries();
    lock.lock();
    try {
      long out = scratch.address();
      int result =
          (int)
              Foreign.call(
                  libraries.getCqEvent.address(), errno, pointer, out, out + Long.BYTES, 0, 0, 0);
      if (result == 0) {
        // At once, since destroying the queue waits for it. The queue lives: it is destroyed under
        // this lock.
        Foreign.call(
            libraries.ackCqEvents.address(), errno, scratch.get(JAVA_LONG, 0), 1, 0, 0, 0, 0);
        return true;
      }
      int number = Foreign.errno(errno);
      if (number == Libc.EAGAIN || number == Libc.EINTR) {
        return false;
      }
      throw Libc.failure("Cannot take a completion event", libraries.getCqEvent.name(), number);
    } finally {
      lock.unlock();
    }
  }

  void destroy() throws IOException {
    NativeFunction destroyCompChannel = backend.libraries().destroyCompChannel;
    if (handle()
        .destroy(
            destroyCompChannel.name(),
            pointer -> destroyCompChannel.status("Cannot destroy a completion channel", pointer))) {
      backend.contexts().release(device);
      close();
    }
  }
}
