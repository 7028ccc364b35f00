package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The native side of a prepared post: the requests, linked to one another, then their entries. C
 * reads it only while it posts; the links are never changed, and the rest is written by one thread
 * at a time. Its memory is the collector's, so nothing can use it after it was freed.
 */
final class Chain {
  private final long requestBytes;
  private final int count;
  private final MemorySegment memory;
  private final long badOffset;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean valid = true;

  /**
   * @param requestBytes the size of a request; those of sends and receives begin alike
   * @param entries how many entries each request has
   */
  Chain(long requestBytes, int... entries) {
    if (entries.length == 0) {
      throw new IllegalArgumentException("There is nothing to post");
    }
    this.requestBytes = requestBytes;
    this.count = entries.length;
    long bytes = requestBytes * count;
    for (int each : entries) {
      bytes += each * Layouts.Sge.BYTES;
    }
    badOffset = bytes;
    memory = Arena.ofAuto().allocate(bytes + Long.BYTES, Long.BYTES);
    long sges = requestBytes * count;
    for (int i = 0; i < count; i++) {
      long at = i * requestBytes;
      long next = i + 1 == count ? 0 : memory.address() + at + requestBytes;
      memory.set(JAVA_LONG, at + Layouts.SendWr.NEXT, next);
      memory.set(JAVA_LONG, at + Layouts.SendWr.SG_LIST, memory.address() + sges);
      memory.set(JAVA_INT, at + Layouts.SendWr.NUM_SGE, entries[i]);
      sges += entries[i] * Layouts.Sge.BYTES;
    }
  }

  MemorySegment memory() {
    return memory;
  }

  long requestAt(int index) {
    return index * requestBytes;
  }

  /** Where the entries of a request are. */
  long sgesAt(int index) {
    return memory.get(JAVA_LONG, index * requestBytes + Layouts.SendWr.SG_LIST) - memory.address();
  }

  boolean isValid() {
    return valid;
  }

  void invalidate() {
    valid = false;
  }

  /** Makes this thread the one that writes and posts, until {@link #end}. */
  void begin(String name) throws ClosedHandleException {
    if (!valid) {
      throw new ClosedHandleException(name);
    }
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException("The " + name + " is used by two threads at once");
    }
  }

  void end() {
    busy.set(false);
  }

  /** Posts all that was written; the caller has entered the queue pair. */
  void post(MemorySegment function, long queuePair, String call) throws IOException {
    long bad = memory.address() + badOffset;
    memory.set(JAVA_LONG, badOffset, 0);
    int result = Foreign.quick(function, queuePair, memory.address(), bad);
    if (result != 0) {
      throw failure(Math.abs(result), call);
    }
  }

  private ChannelException.Native failure(int errno, String call) {
    long posted = (memory.get(JAVA_LONG, badOffset) - memory.address()) / requestBytes;
    String what =
        posted >= 0 && posted < count
            ? "Only " + posted + " of " + count + " work requests were posted"
            : "Cannot post";
    return Libc.failure(what, call, errno);
  }
}
