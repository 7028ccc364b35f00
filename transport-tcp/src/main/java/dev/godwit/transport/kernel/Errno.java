package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The kernel's error numbers, as both architectures have them, and the system's words for them. */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int EACCES = 13;
  public static final int EEXIST = 17;
  public static final int ENOTDIR = 20;
  public static final int EISDIR = 21;
  public static final int EINVAL = 22;
  public static final int EFBIG = 27;
  public static final int ENOSPC = 28;
  public static final int ESPIPE = 29;
  public static final int EROFS = 30;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int EPROTO = 71;
  public static final int EPROTOTYPE = 91;
  public static final int EOPNOTSUPP = 95;
  public static final int EAFNOSUPPORT = 97;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ENETDOWN = 100;
  public static final int ENETUNREACH = 101;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ENOTCONN = 107;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EHOSTDOWN = 112;
  public static final int EHOSTUNREACH = 113;
  public static final int EINPROGRESS = 115;
  public static final int EDQUOT = 122;
  public static final int ECANCELED = 125;

  private static final int TEXT_BYTES = 256;
  private static final MethodHandle STRERROR_R =
      Libc.LINKER.downcallHandle(
          Libc.LINKER.defaultLookup().findOrThrow("strerror_r"),
          FunctionDescriptor.of(ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG));

  private Errno() {}

  /** The system's words for {@code errno}, for example {@code No such file or directory}. */
  public static String text(int errno) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(TEXT_BYTES);
      MemorySegment text = (MemorySegment) STRERROR_R.invokeExact(errno, buffer, (long) TEXT_BYTES);
      return text.reinterpret(TEXT_BYTES).getString(0);
    } catch (Throwable t) {
      throw Libc.unexpected(t);
    }
  }

  /**
   * A failure that fits no other kind.
   *
   * @param what a sentence without the system's words, for example {@code Cannot listen on tcp::1}
   */
  public static ChannelException.Native failure(String what, String call, int errno) {
    return new ChannelException.Native(what + ": " + text(errno), call, errno);
  }

  /** Returns {@code result} unless it is a negated error number. */
  public static int check(int result, String what, String call) throws ChannelException {
    if (result < 0) {
      throw failure(what, call, -result);
    }
    return result;
  }
}
