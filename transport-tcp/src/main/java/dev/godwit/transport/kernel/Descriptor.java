package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Owns one open descriptor. It counts the threads that are inside the kernel with it, and the last
 * one out closes it: a number that was closed under a running call could belong to another file by
 * the time the call begins.
 *
 * <p>Calls return the kernel's result or a negated error number; on a closed descriptor {@code
 * EBADF}, and {@code ECANCELED} where close ended a wait. Safe for use by many threads; {@code
 * close} never blocks.
 */
public final class Descriptor {
  /** What closing means for the other end. */
  public enum Manner {
    /** All that was written still arrives, and then the end. */
    IN_ORDER,
    /** The other end sees a broken connection, where the kernel can tell it. */
    ABRUPTLY
  }

  /** How a blocked call is ended. */
  private enum Kind {
    /** By shutdown. */
    SOCKET,
    /** The descriptor does not block; calls wait in poll, beside a {@link Waker}. */
    POLLED,
    /** Not at all, since the kernel answers by itself. */
    FILE,
    /** As a file, past the page cache with what the file system takes so. */
    DIRECT_FILE
  }

  private static final int READER = 1;
  private static final int READERS = (1 << 15) - 1;
  private static final int WRITER = 1 << 15;
  private static final int WRITERS = READERS << 15;
  private static final int CLOSED = 1 << 30;

  /** What an orderly close throws away at the most before it leaves the rest to a reset. */
  private static final int MAX_DRAIN_BYTES = 4 * 1024 * 1024;

  private static final int DRAIN_BYTES = 64 * 1024;

  private final int number;
  private final Kind kind;
  private final @Nullable Waker waker;
  private final int restoreFlags;
  private final AtomicInteger state = new AtomicInteger();
  private volatile Manner manner = Manner.IN_ORDER;

  /** Whether a direct file's call under way goes through the page cache; the caller's alone. */
  private boolean cached;

  private Descriptor(int number, Kind kind, @Nullable Waker waker, int restoreFlags) {
    this.number = number;
    this.kind = kind;
    this.waker = waker;
    this.restoreFlags = restoreFlags;
  }

  /** A blocking stream socket, which it owns from now on. */
  public static Descriptor socket(int fd) {
    return new Descriptor(fd, Kind.SOCKET, null, -1);
  }

  /**
   * As {@link #socket(int)}, for one that came with {@code flags}, which it has again at the end.
   */
  public static Descriptor socket(int fd, int flags) {
    return new Descriptor(fd, Kind.SOCKET, null, flags);
  }

  /** A pipe or the like, which it owns from now on and makes non-blocking. */
  public static Descriptor pipe(int fd) throws ChannelException {
    Waker waker = Waker.open();
    int flags = Libc.fcntl(fd, Libc.F_GETFL, 0);
    int result = flags < 0 ? flags : Libc.fcntl(fd, Libc.F_SETFL, flags | Libc.O_NONBLOCK);
    if (result < 0) {
      waker.close();
      throw Errno.failure("Cannot make descriptor " + fd + " non-blocking", "fcntl", -result);
    }
    return new Descriptor(fd, Kind.POLLED, waker, flags);
  }

  /** A regular file or another one whose calls never wait for anybody. */
  public static Descriptor file(int fd) {
    return new Descriptor(fd, Kind.FILE, null, -1);
  }

  /**
   * A file that was opened with {@code O_DIRECT} and is only read or only written. Calls whose
   * place, memory or length the file system does not take so go through the page cache.
   */
  public static Descriptor directFile(int fd) {
    return new Descriptor(fd, Kind.DIRECT_FILE, null, -1);
  }

  /**
   * A listening socket, which does not block; it is never shut down, since another process may hold
   * it, too.
   *
   * @param flags what its flags are set to at the end
   */
  public static Descriptor listening(int fd, int flags) {
    return new Descriptor(fd, Kind.FILE, null, flags);
  }

  /** The descriptor's number, meaningful to whoever has entered. */
  public int number() {
    return number;
  }

  /** Keeps the descriptor open until {@link #leaveFromRead}; false if it is closed. */
  public boolean enterToRead() {
    return enter(READER);
  }

  public void leaveFromRead() {
    leave(READER);
  }

  /**
   * Reads at least one byte, 0 at the end.
   *
   * @param all whether to wait for {@code length} bytes where the kernel can; fewer may still come
   */
  long read(CallFrame frame, long address, long length, boolean all) {
    if (!enter(READER)) {
      return -Errno.EBADF;
    }
    try {
      boolean mayBlock = !Thread.currentThread().isVirtual();
      int flags = (all ? Libc.MSG_WAITALL : 0) | (mayBlock ? 0 : Libc.MSG_DONTWAIT);
      while (true) {
        long result =
            kind == Kind.SOCKET
                ? Libc.recv(frame.errno(), number, address, length, flags)
                : Libc.read(frame.errno(), number, address, length);
        if (result >= 0) {
          return result;
        }
        result = afterFailure(frame, result, Libc.POLLIN);
        if (result < 0) {
          return result;
        }
      }
    } finally {
      endCached();
      leave(READER);
    }
  }

  /** As {@link #read}, but {@code -EAGAIN} where that would wait. The descriptor is a pipe. */
  long readNow(CallFrame frame, long address, long length) {
    if (!enter(READER)) {
      return -Errno.EBADF;
    }
    try {
      return Libc.read(frame.errno(), number, address, length);
    } finally {
      leave(READER);
    }
  }

  /** Writes all bytes; returns how many, or a negated error number. */
  long write(CallFrame frame, long address, long length) {
    if (!enter(WRITER)) {
      return -Errno.EBADF;
    }
    try {
      int flags = Libc.MSG_NOSIGNAL | (Thread.currentThread().isVirtual() ? Libc.MSG_DONTWAIT : 0);
      long done = 0;
      while (done < length) {
        long result =
            kind == Kind.SOCKET
                ? Libc.send(frame.errno(), number, address + done, length - done, flags)
                : Libc.write(frame.errno(), number, address + done, length - done);
        if (result >= 0) {
          done += result;
        } else {
          result = afterFailure(frame, result, Libc.POLLOUT);
          if (result < 0) {
            return result;
          }
        }
      }
      return done;
    } finally {
      endCached();
      leave(WRITER);
    }
  }

  /** Writes the first {@code count} entries of the frame's vector, all of them. */
  long writeVector(CallFrame frame, int count) {
    if (!enter(WRITER)) {
      return -Errno.EBADF;
    }
    try {
      int flags = Libc.MSG_NOSIGNAL | (Thread.currentThread().isVirtual() ? Libc.MSG_DONTWAIT : 0);
      long done = 0;
      int first = frame.advance(0, count, 0);
      while (first < count) {
        long result =
            kind == Kind.SOCKET
                ? Libc.sendmsg(frame.errno(), number, frame.header(first, count), flags)
                : Libc.writev(frame.errno(), number, frame.vectorAddress(first), count - first);
        if (result >= 0) {
          done += result;
          first = frame.advance(first, count, result);
        } else {
          result = afterFailure(frame, result, Libc.POLLOUT);
          if (result < 0) {
            return result;
          }
        }
      }
      return done;
    } finally {
      endCached();
      leave(WRITER);
    }
  }

  boolean isSocket() {
    return kind == Kind.SOCKET;
  }

  /** Moves at least one byte of this socket into a pipe; 0 at the end. */
  long spliceTo(CallFrame frame, Pipe pipe) {
    if (!enter(READER)) {
      return -Errno.EBADF;
    }
    try {
      while (true) {
        long result = Libc.splice(frame.errno(), number, pipe.in(), pipe.capacityBytes(), 0);
        if (result >= 0) {
          return result;
        }
        result = afterFailure(frame, result, Libc.POLLIN);
        if (result < 0) {
          return result;
        }
      }
    } finally {
      leave(READER);
    }
  }

  /**
   * Moves {@code length} bytes out of a pipe into this socket; returns how many, or a negated error
   * number.
   */
  long spliceFrom(CallFrame frame, Pipe pipe, long length) {
    if (!enter(WRITER)) {
      return -Errno.EBADF;
    }
    try {
      long done = 0;
      while (done < length) {
        long result = Libc.splice(frame.errno(), pipe.out(), number, length - done, 0);
        if (result > 0) {
          done += result;
        } else if (result == 0) {
          return -Errno.EIO;
        } else {
          result = afterFailure(frame, result, Libc.POLLOUT);
          if (result < 0) {
            return result;
          }
        }
      }
      return done;
    } finally {
      leave(WRITER);
    }
  }

  /** 0 if the call is worth another try, else what to return. */
  private long afterFailure(CallFrame frame, long result, int events) {
    if (result == -Errno.EAGAIN) {
      return await(frame, events);
    }
    if (result == -Errno.EINVAL && kind == Kind.DIRECT_FILE && !cached) {
      cached = true;
      return setDirect(false);
    }
    return result == -Errno.EINTR ? 0 : result;
  }

  private void endCached() {
    if (cached) {
      cached = false;
      // If this fails, the next calls go through the page cache too.
      setDirect(true);
    }
  }

  private int setDirect(boolean direct) {
    int flags = Libc.fcntl(number, Libc.F_GETFL, 0);
    int wanted = direct ? flags | Libc.O_DIRECT : flags & ~Libc.O_DIRECT;
    return flags < 0 ? flags : Math.min(Libc.fcntl(number, Libc.F_SETFL, wanted), 0);
  }

  /** 0 once the descriptor is worth another try. */
  private long await(CallFrame frame, int events) {
    int result = Carriers.keepFree(() -> awaitHere(frame, events));
    if (result == 2 || (state.get() & CLOSED) != 0) {
      return -Errno.ECANCELED;
    }
    return Math.min(result, 0);
  }

  private int awaitHere(CallFrame frame, int events) {
    return waker == null
        ? frame.poll(number, events, -1, Deadline.never())
        : waker.await(frame, number, events, Deadline.never());
  }

  /**
   * Ends a socket's output, after all that was written.
   *
   * @return 0 or a negated error number
   */
  public int shutdownOutput() {
    if (!enter(READER)) {
      return -Errno.EBADF;
    }
    try {
      return Libc.shutdown(number, Libc.SHUT_WR);
    } finally {
      leave(READER);
    }
  }

  /** A socket's pending error, which this takes away; 0 if there is none or it is closed. */
  public int takeError() {
    if (kind != Kind.SOCKET || !enter(READER)) {
      return 0;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment error = arena.allocate(JAVA_INT);
      int result = Libc.getsockopt(number, Libc.SOL_SOCKET, Libc.SO_ERROR, error);
      return result < 0 ? 0 : error.get(JAVA_INT, 0);
    } finally {
      leave(READER);
    }
  }

  /**
   * Closes: no call can begin any more, those that wait return, and the number is released by the
   * last one out. Idempotent. A thread that is writing makes any closing abrupt, since half of what
   * it writes must not look like all of it.
   */
  public void close(Manner wanted) {
    // The closing thread counts as a reader, so that nobody releases the number under its feet.
    int before = state.getAndUpdate(s -> (s & CLOSED) != 0 ? s : (s | CLOSED) + READER);
    if ((before & CLOSED) != 0) {
      return;
    }
    boolean writing = (before & WRITERS) != 0;
    manner = writing ? Manner.ABRUPTLY : wanted;
    if ((before & (READERS | WRITERS)) != 0) {
      if (waker != null) {
        waker.wake();
      }
      if (kind == Kind.SOCKET) {
        wakeSocket(writing);
      }
    }
    leave(READER);
  }

  /**
   * Without a writer, an abrupt end must not send the orderly one first; with one, only ending the
   * output wakes it, and the reset overtakes the end that is queued behind its bytes.
   */
  private void wakeSocket(boolean writing) {
    if (manner == Manner.ABRUPTLY) {
      resetOnClose();
    }
    boolean inputOnly = manner == Manner.ABRUPTLY && !writing;
    Libc.shutdown(number, inputOnly ? Libc.SHUT_RD : Libc.SHUT_RDWR);
  }

  private void resetOnClose() {
    try (Arena arena = Arena.ofConfined()) {
      Libc.setsockopt(number, Libc.SOL_SOCKET, Libc.SO_LINGER, arena.allocateFrom(JAVA_INT, 1, 0));
    }
  }

  private void release() {
    if (kind == Kind.SOCKET) {
      if (manner == Manner.ABRUPTLY) {
        resetOnClose();
      } else {
        Libc.shutdown(number, Libc.SHUT_WR);
        drain();
      }
    }
    if (restoreFlags >= 0) {
      Libc.fcntl(number, Libc.F_SETFL, restoreFlags);
    }
    Libc.close(number);
    if (waker != null) {
      waker.close();
    }
  }

  /** Throws unread input away: closed over it, the kernel would reset what is still on its way. */
  private void drain() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Libc.ERRNO_BYTES, 8);
      MemorySegment bin = arena.allocate(DRAIN_BYTES);
      long drained = 0;
      long result;
      do {
        result = Libc.recv(errno, number, bin.address(), DRAIN_BYTES, Libc.MSG_DONTWAIT);
        drained += Math.max(result, 0);
      } while (result > 0 && drained < MAX_DRAIN_BYTES);
    }
  }

  private boolean enter(int who) {
    while (true) {
      int now = state.get();
      if ((now & CLOSED) != 0) {
        return false;
      }
      if (state.compareAndSet(now, now + who)) {
        return true;
      }
    }
  }

  private void leave(int who) {
    if (state.addAndGet(-who) == CLOSED) {
      release();
    }
  }
}
