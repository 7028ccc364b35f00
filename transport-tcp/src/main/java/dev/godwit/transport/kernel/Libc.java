package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * The C library's calls for descriptors and sockets, on Linux with 64 bits.
 *
 * <p>Each call returns what the C call returns, or the negated error number where that would be -1.
 * Calls of the data path take native addresses as numbers and the caller's memory for errno ({@link
 * #ERRNO_BYTES} bytes), and allocate nothing; {@code EINTR} is the caller's. All others retry it.
 * Constants have the values of x86-64 and aarch64 alike unless said otherwise.
 */
public final class Libc {
  public static final int AF_UNSPEC = 0;
  public static final int AF_UNIX = 1;
  public static final int AF_INET = 2;
  public static final int AF_INET6 = 10;

  public static final int SOCK_STREAM = 1;
  public static final int SOCK_DGRAM = 2;
  public static final int SOCK_NONBLOCK = 0x800;
  public static final int SOCK_CLOEXEC = 0x80000;

  public static final int SOL_SOCKET = 1;
  public static final int SO_REUSEADDR = 2;
  public static final int SO_TYPE = 3;
  public static final int SO_ERROR = 4;
  public static final int SO_SNDBUF = 7;
  public static final int SO_RCVBUF = 8;
  public static final int SO_KEEPALIVE = 9;
  public static final int SO_LINGER = 13;
  public static final int SO_PEERCRED = 17;
  public static final int SO_ACCEPTCONN = 30;
  public static final int SO_DOMAIN = 39;
  public static final int IPPROTO_TCP = 6;
  public static final int TCP_NODELAY = 1;
  public static final int TCP_KEEPIDLE = 4;
  public static final int TCP_KEEPINTVL = 5;
  public static final int TCP_KEEPCNT = 6;
  public static final int TCP_USER_TIMEOUT = 18;
  public static final int IPPROTO_IPV6 = 41;
  public static final int IPV6_V6ONLY = 26;

  public static final int SHUT_RD = 0;
  public static final int SHUT_WR = 1;
  public static final int SHUT_RDWR = 2;

  public static final int MSG_DONTWAIT = 0x40;
  public static final int MSG_WAITALL = 0x100;
  public static final int MSG_NOSIGNAL = 0x4000;

  public static final int POLLIN = 1;
  public static final int POLLOUT = 4;

  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_ACCMODE = 3;
  public static final int O_CREAT = 0x40;
  public static final int O_EXCL = 0x80;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_CLOEXEC = 0x80000;
  public static final int O_PATH = 0x200000;

  /** Differs between the two architectures. */
  public static final int O_DIRECT = isAarch64() ? 0x10000 : 0x4000;

  /** Differs between the two architectures. */
  public static final int O_NOFOLLOW = isAarch64() ? 0x8000 : 0x20000;

  /** Differs between the two architectures. */
  public static final int O_DIRECTORY = isAarch64() ? 0x4000 : 0x10000;

  public static final int F_DUPFD_CLOEXEC = 1030;
  public static final int F_GETFD = 1;
  public static final int F_SETFD = 2;
  public static final int F_GETFL = 3;
  public static final int F_SETPIPE_SZ = 1031;
  public static final int F_GETPIPE_SZ = 1032;
  public static final int F_SETFL = 4;
  public static final int FD_CLOEXEC = 1;

  public static final int SEEK_SET = 0;
  public static final int SEEK_CUR = 1;

  public static final int LOCK_EX = 2;
  public static final int LOCK_NB = 4;

  /** What memory for errno must have room for. */
  public static final long ERRNO_BYTES = Linker.Option.captureStateLayout().byteSize();

  static final Linker LINKER = Linker.nativeLinker();

  /**
   * All calls have one shape, since each shape costs at every start: six numbers, of which a call
   * takes the first ones, and a number back. Both architectures pass that many in registers, and
   * leave it to the callee to take an int for its lower half; an int that is returned has the upper
   * half undefined.
   */
  private static final int ARGUMENTS = 6;

  private static final FunctionDescriptor CALL =
      FunctionDescriptor.of(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private static final long ERRNO_OFFSET =
      Linker.Option.captureStateLayout().byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle RECV = handle("recv");
  private static final MethodHandle SEND = handle("send");
  private static final MethodHandle SENDMSG = handle("sendmsg");
  private static final MethodHandle READ = handle("read");
  private static final MethodHandle WRITE = handle("write");
  private static final MethodHandle WRITEV = handle("writev");
  private static final MethodHandle SPLICE = handle("splice");
  private static final MethodHandle TEE = handle("tee");
  private static final MethodHandle POLL = handle("poll");
  private static final MethodHandle SOCKET = handle("socket");
  private static final MethodHandle SOCKETPAIR = handle("socketpair");
  private static final MethodHandle BIND = handle("bind");
  private static final MethodHandle LISTEN = handle("listen");
  private static final MethodHandle ACCEPT4 = handle("accept4");
  private static final MethodHandle CONNECT = handle("connect");
  private static final MethodHandle GETSOCKOPT = handle("getsockopt");
  private static final MethodHandle SETSOCKOPT = handle("setsockopt");
  private static final MethodHandle GETSOCKNAME = handle("getsockname");
  private static final MethodHandle GETPEERNAME = handle("getpeername");
  private static final MethodHandle SHUTDOWN = handle("shutdown");
  private static final MethodHandle CLOSE = handle("close");
  private static final MethodHandle EVENTFD = handle("eventfd");
  private static final MethodHandle PIPE2 = handle("pipe2");
  private static final MethodHandle DUP3 = handle("dup3");
  private static final MethodHandle FCNTL = handle("fcntl");
  private static final MethodHandle OPEN = handle("open");
  private static final MethodHandle FSYNC = handle("fsync");
  private static final MethodHandle FTRUNCATE = handle("ftruncate");
  private static final MethodHandle LSEEK = handle("lseek");
  private static final MethodHandle FLOCK = handle("flock");
  private static final MethodHandle FCHMOD = handle("fchmod");
  private static final MethodHandle CHMOD = handle("chmod");
  private static final MethodHandle CHOWN = handle("chown");
  private static final MethodHandle UNLINK = handle("unlink");
  private static final MethodHandle STATX = handle("statx");

  private Libc() {}

  // The data path: no allocation, no retry.

  static long recv(MemorySegment errno, int fd, long address, long length, int flags) {
    try {
      return result(
          (long) RECV.invokeExact(errno, (long) fd, address, length, (long) flags, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long send(MemorySegment errno, int fd, long address, long length, int flags) {
    try {
      return result(
          (long) SEND.invokeExact(errno, (long) fd, address, length, (long) flags, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long sendmsg(MemorySegment errno, int fd, long header, int flags) {
    try {
      return result(
          (long) SENDMSG.invokeExact(errno, (long) fd, header, (long) flags, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long read(MemorySegment errno, int fd, long address, long length) {
    try {
      return result((long) READ.invokeExact(errno, (long) fd, address, length, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long write(MemorySegment errno, int fd, long address, long length) {
    try {
      return result((long) WRITE.invokeExact(errno, (long) fd, address, length, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long writev(MemorySegment errno, int fd, long vectors, int count) {
    try {
      return result(
          (long) WRITEV.invokeExact(errno, (long) fd, vectors, (long) count, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long splice(MemorySegment errno, int from, int to, long length, int flags) {
    try {
      return result(
          (long) SPLICE.invokeExact(errno, (long) from, 0L, (long) to, 0L, length, (long) flags),
          errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long tee(MemorySegment errno, int from, int to, long length, int flags) {
    try {
      return result(
          (long) TEE.invokeExact(errno, (long) from, (long) to, length, (long) flags, 0L, 0L),
          errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static int poll(MemorySegment errno, long polls, long count, int millis) {
    try {
      return result(
          (int) (long) POLL.invokeExact(errno, polls, count, (long) millis, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  // Everything else.

  public static int socket(int family, int type) {
    return call(SOCKET, family, type, 0);
  }

  /** Writes the two descriptors as two ints to {@code pair}. */
  public static int socketpair(int family, int type, MemorySegment pair) {
    return call(SOCKETPAIR, family, type, 0, pair.address());
  }

  public static int bind(int fd, MemorySegment address) {
    int length = (int) address.byteSize();
    return call(BIND, fd, address.address(), length);
  }

  public static int listen(int fd, int backlog) {
    return call(LISTEN, fd, backlog);
  }

  public static int accept(int fd, int flags) {
    return call(ACCEPT4, fd, 0, 0, flags);
  }

  /** Does not retry {@code EINTR}: an interrupted connect goes on, and is waited for by poll. */
  public static int connect(int fd, MemorySegment address) {
    int length = (int) address.byteSize();
    return once(CONNECT, fd, address.address(), length);
  }

  public static int getsockopt(int fd, int level, int option, MemorySegment value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) value.byteSize());
      return call(GETSOCKOPT, fd, level, option, value.address(), length.address());
    }
  }

  public static int setsockopt(int fd, int level, int option, MemorySegment value) {
    int length = (int) value.byteSize();
    return call(SETSOCKOPT, fd, level, option, value.address(), length);
  }

  /** Fills {@code address} and returns how long it is. */
  public static int getsockname(int fd, MemorySegment address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
      int result = call(GETSOCKNAME, fd, address.address(), length.address());
      return result < 0 ? result : length.get(JAVA_INT, 0);
    }
  }

  /** Fills {@code address} and returns how long it is. */
  public static int getpeername(int fd, MemorySegment address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
      int result = call(GETPEERNAME, fd, address.address(), length.address());
      return result < 0 ? result : length.get(JAVA_INT, 0);
    }
  }

  public static int shutdown(int fd, int how) {
    return call(SHUTDOWN, fd, how);
  }

  /** Never retried: Linux has released the number whatever close returns. */
  public static int close(int fd) {
    return once(CLOSE, fd);
  }

  public static int eventfd(int flags) {
    return call(EVENTFD, 0, flags);
  }

  /** Writes the reading and the writing end as two ints to {@code pair}. */
  public static int pipe(MemorySegment pair, int flags) {
    return call(PIPE2, pair.address(), flags);
  }

  public static int dup3(int fd, int number, int flags) {
    return call(DUP3, fd, number, flags);
  }

  public static int fcntl(int fd, int command, int argument) {
    return call(FCNTL, fd, command, argument);
  }

  public static int open(String path, int flags, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(OPEN, name.address(), flags, mode);
    }
  }

  public static int fsync(int fd) {
    return call(FSYNC, fd);
  }

  public static int ftruncate(int fd, long length) {
    return call(FTRUNCATE, fd, length);
  }

  public static long lseek(int fd, long offset, int whence) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(ERRNO_BYTES, JAVA_LONG.byteAlignment());
      return result(
          (long) LSEEK.invokeExact(errno, (long) fd, offset, (long) whence, 0L, 0L, 0L), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  public static int flock(int fd, int operation) {
    return call(FLOCK, fd, operation);
  }

  public static int fchmod(int fd, int mode) {
    return call(FCHMOD, fd, mode);
  }

  public static int chmod(String path, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(CHMOD, name.address(), mode);
    }
  }

  public static int chown(String path, int uid, int gid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(CHOWN, name.address(), uid, gid);
    }
  }

  public static int unlink(String path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(UNLINK, name.address());
    }
  }

  static int statx(int directory, String path, int flags, int mask, MemorySegment status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(STATX, directory, name.address(), flags, mask, status.address());
    }
  }

  // How a handle is made and called.

  /** A call that returns an int; {@code EINTR} is retried. */
  static int call(MethodHandle call, long... arguments) {
    int result;
    do {
      result = once(call, arguments);
    } while (result == -Errno.EINTR);
    return result;
  }

  /** A call that returns an int. Memory that it is given must be reachable until it returns. */
  static int once(MethodHandle call, long... arguments) {
    long[] all = Arrays.copyOf(arguments, ARGUMENTS);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(ERRNO_BYTES, JAVA_LONG.byteAlignment());
      long result = (long) call.invokeExact(errno, all[0], all[1], all[2], all[3], all[4], all[5]);
      return result((int) result, errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static MethodHandle handle(String name) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name), CALL, Linker.Option.captureCallState("errno"));
  }

  static RuntimeException unexpected(Throwable t) {
    if (t instanceof Error error) {
      throw error;
    }
    if (t instanceof RuntimeException runtime) {
      return runtime;
    }
    return new IllegalStateException("A system call could not be made", t);
  }

  private static int result(int result, MemorySegment errno) {
    return result == -1 ? -errno.get(JAVA_INT, ERRNO_OFFSET) : result;
  }

  private static long result(long result, MemorySegment errno) {
    return result == -1 ? -errno.get(JAVA_INT, ERRNO_OFFSET) : result;
  }

  private static boolean isAarch64() {
    return System.getProperty("os.arch", "").equals("aarch64");
  }
}
