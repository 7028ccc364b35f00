package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

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
  private static final long ERRNO_OFFSET =
      Linker.Option.captureStateLayout().byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle RECV =
      handle("recv", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SEND =
      handle("send", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SENDMSG =
      handle("sendmsg", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle READ =
      handle("read", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle WRITE =
      handle("write", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle WRITEV =
      handle("writev", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SPLICE =
      handle("splice", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle TEE =
      handle("tee", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle POLL = handle("poll", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);

  private static final MethodHandle SOCKET =
      handle("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle SOCKETPAIR =
      handle("socketpair", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle BIND = handle("bind", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle LISTEN = handle("listen", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACCEPT4 =
      handle("accept4", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
  private static final MethodHandle CONNECT =
      handle("connect", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle GETSOCKOPT =
      handle("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SETSOCKOPT =
      handle("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle GETSOCKNAME =
      handle("getsockname", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle GETPEERNAME =
      handle("getpeername", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SHUTDOWN = handle("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);

  private static final MethodHandle CLOSE = handle("close", JAVA_INT, JAVA_INT);
  private static final MethodHandle EVENTFD = handle("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle PIPE2 = handle("pipe2", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle DUP3 = handle("dup3", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle FCNTL =
      variadic("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle OPEN =
      variadic("open", 2, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle FSYNC = handle("fsync", JAVA_INT, JAVA_INT);
  private static final MethodHandle FTRUNCATE = handle("ftruncate", JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle LSEEK =
      handle("lseek", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle FLOCK = handle("flock", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle FCHMOD = handle("fchmod", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle CHMOD = handle("chmod", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle CHOWN = handle("chown", JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle UNLINK = handle("unlink", JAVA_INT, ADDRESS);
  private static final MethodHandle STATX =
      handle("statx", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);

  private Libc() {}

  // The data path: no allocation, no retry.

  static long recv(MemorySegment errno, int fd, long address, long length, int flags) {
    try {
      return result((long) RECV.invokeExact(errno, fd, address, length, flags), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long send(MemorySegment errno, int fd, long address, long length, int flags) {
    try {
      return result((long) SEND.invokeExact(errno, fd, address, length, flags), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long sendmsg(MemorySegment errno, int fd, long header, int flags) {
    try {
      return result((long) SENDMSG.invokeExact(errno, fd, header, flags), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long read(MemorySegment errno, int fd, long address, long length) {
    try {
      return result((long) READ.invokeExact(errno, fd, address, length), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long write(MemorySegment errno, int fd, long address, long length) {
    try {
      return result((long) WRITE.invokeExact(errno, fd, address, length), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long writev(MemorySegment errno, int fd, long vectors, int count) {
    try {
      return result((long) WRITEV.invokeExact(errno, fd, vectors, count), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long splice(MemorySegment errno, int from, int to, long length, int flags) {
    try {
      return result((long) SPLICE.invokeExact(errno, from, 0L, to, 0L, length, flags), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long tee(MemorySegment errno, int from, int to, long length, int flags) {
    try {
      return result((long) TEE.invokeExact(errno, from, to, length, flags), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static int poll(MemorySegment errno, long polls, long count, int millis) {
    try {
      return result((int) POLL.invokeExact(errno, polls, count, millis), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  // Everything else.

  public static int socket(int family, int type) {
    return call(errno -> (int) SOCKET.invokeExact(errno, family, type, 0));
  }

  /** Writes the two descriptors as two ints to {@code pair}. */
  public static int socketpair(int family, int type, MemorySegment pair) {
    return call(errno -> (int) SOCKETPAIR.invokeExact(errno, family, type, 0, pair));
  }

  public static int bind(int fd, MemorySegment address) {
    int length = (int) address.byteSize();
    return call(errno -> (int) BIND.invokeExact(errno, fd, address, length));
  }

  public static int listen(int fd, int backlog) {
    return call(errno -> (int) LISTEN.invokeExact(errno, fd, backlog));
  }

  public static int accept(int fd, int flags) {
    return call(
        errno ->
            (int) ACCEPT4.invokeExact(errno, fd, MemorySegment.NULL, MemorySegment.NULL, flags));
  }

  /** Does not retry {@code EINTR}: an interrupted connect goes on, and is waited for by poll. */
  public static int connect(int fd, MemorySegment address) {
    int length = (int) address.byteSize();
    return once(errno -> (int) CONNECT.invokeExact(errno, fd, address, length));
  }

  public static int getsockopt(int fd, int level, int option, MemorySegment value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) value.byteSize());
      return call(errno -> (int) GETSOCKOPT.invokeExact(errno, fd, level, option, value, length));
    }
  }

  public static int setsockopt(int fd, int level, int option, MemorySegment value) {
    int length = (int) value.byteSize();
    return call(errno -> (int) SETSOCKOPT.invokeExact(errno, fd, level, option, value, length));
  }

  /** Fills {@code address} and returns how long it is. */
  public static int getsockname(int fd, MemorySegment address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
      int result = call(errno -> (int) GETSOCKNAME.invokeExact(errno, fd, address, length));
      return result < 0 ? result : length.get(JAVA_INT, 0);
    }
  }

  /** Fills {@code address} and returns how long it is. */
  public static int getpeername(int fd, MemorySegment address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
      int result = call(errno -> (int) GETPEERNAME.invokeExact(errno, fd, address, length));
      return result < 0 ? result : length.get(JAVA_INT, 0);
    }
  }

  public static int shutdown(int fd, int how) {
    return call(errno -> (int) SHUTDOWN.invokeExact(errno, fd, how));
  }

  /** Never retried: Linux has released the number whatever close returns. */
  public static int close(int fd) {
    return once(errno -> (int) CLOSE.invokeExact(errno, fd));
  }

  public static int eventfd(int flags) {
    return call(errno -> (int) EVENTFD.invokeExact(errno, 0, flags));
  }

  /** Writes the reading and the writing end as two ints to {@code pair}. */
  public static int pipe(MemorySegment pair, int flags) {
    return call(errno -> (int) PIPE2.invokeExact(errno, pair, flags));
  }

  public static int dup3(int fd, int number, int flags) {
    return call(errno -> (int) DUP3.invokeExact(errno, fd, number, flags));
  }

  public static int fcntl(int fd, int command, int argument) {
    return call(errno -> (int) FCNTL.invokeExact(errno, fd, command, argument));
  }

  public static int open(String path, int flags, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(errno -> (int) OPEN.invokeExact(errno, name, flags, mode));
    }
  }

  public static int fsync(int fd) {
    return call(errno -> (int) FSYNC.invokeExact(errno, fd));
  }

  public static int ftruncate(int fd, long length) {
    return call(errno -> (int) FTRUNCATE.invokeExact(errno, fd, length));
  }

  public static long lseek(int fd, long offset, int whence) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(ERRNO_BYTES, JAVA_LONG.byteAlignment());
      return result((long) LSEEK.invokeExact(errno, fd, offset, whence), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  public static int flock(int fd, int operation) {
    return call(errno -> (int) FLOCK.invokeExact(errno, fd, operation));
  }

  public static int fchmod(int fd, int mode) {
    return call(errno -> (int) FCHMOD.invokeExact(errno, fd, mode));
  }

  public static int chmod(String path, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(errno -> (int) CHMOD.invokeExact(errno, name, mode));
    }
  }

  public static int chown(String path, int uid, int gid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(errno -> (int) CHOWN.invokeExact(errno, name, uid, gid));
    }
  }

  public static int unlink(String path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(errno -> (int) UNLINK.invokeExact(errno, name));
    }
  }

  static int statx(int directory, String path, int flags, int mask, MemorySegment status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(errno -> (int) STATX.invokeExact(errno, directory, name, flags, mask, status));
    }
  }

  // How a handle is made and called.

  /** One call that writes errno to the memory it is given. */
  @FunctionalInterface
  interface Call {
    int invoke(MemorySegment errno) throws Throwable;
  }

  static int call(Call call) {
    int result;
    do {
      result = once(call);
    } while (result == -Errno.EINTR);
    return result;
  }

  static int once(Call call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(ERRNO_BYTES, JAVA_LONG.byteAlignment());
      return result(call.invoke(errno), errno);
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static MethodHandle handle(String name, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        Linker.Option.captureCallState("errno"));
  }

  static MethodHandle variadic(
      String name, int fixed, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        Linker.Option.firstVariadicArg(fixed),
        Linker.Option.captureCallState("errno"));
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
