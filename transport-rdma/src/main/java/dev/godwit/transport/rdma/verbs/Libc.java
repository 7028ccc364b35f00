package dev.godwit.transport.rdma.verbs;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The few calls of the C library that waiting for descriptors needs, on Linux with 64 bits. */
final class Libc {
  static final int EINTR = 4;
  static final int EAGAIN = 11;
  static final int ENOMEM = 12;
  static final int EBUSY = 16;
  static final int ENODEV = 19;
  static final int EINVAL = 22;

  static final short POLLIN = 1;
  static final int AF_INET = 2;
  static final int AF_INET6 = 10;

  private static final int F_GETFL = 3;
  private static final int F_SETFL = 4;

  /** O_NONBLOCK and EFD_NONBLOCK, alike on both architectures. */
  private static final int NONBLOCK = 0x800;

  private static final int CLOEXEC = 0x80000;
  private static final int TEXT_BYTES = 256;

  private static final NativeFunction FCNTL = function("fcntl");
  private static final NativeFunction EVENTFD = function("eventfd");
  private static final NativeFunction CLOSE = function("close");
  private static final NativeFunction STRERROR_R = function("strerror_r");
  private static final NativeFunction PPOLL = function("ppoll");
  private static final NativeFunction READ = function("read");
  private static final NativeFunction WRITE = function("write");

  private Libc() {}

  /** A failure that fits no other kind; {@code what} is a sentence without the system's words. */
  static ChannelException.Native failure(String what, String call, int errno) {
    return new ChannelException.Native(what + ": " + text(errno), call, errno);
  }

  /** The system's words for {@code errno}. */
  static String text(int errno) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(TEXT_BYTES);
      return string(STRERROR_R.plain(errno, buffer.address(), TEXT_BYTES));
    }
  }

  /** The C string at {@code address}, of which at most {@value #TEXT_BYTES} bytes are looked at. */
  static String string(long address) {
    if (address == 0) {
      return "";
    }
    MemorySegment text = MemorySegment.ofAddress(address).reinterpret(TEXT_BYTES);
    return text.getString(0);
  }

  static void unblock(int fd) throws ChannelException.Native {
    int flags = FCNTL.number("Cannot read the flags of a descriptor", fd, F_GETFL);
    FCNTL.number("Cannot keep a descriptor from blocking", fd, F_SETFL, flags | NONBLOCK);
  }

  static int eventfd() throws ChannelException.Native {
    return EVENTFD.number("Cannot make an event descriptor", 0, NONBLOCK | CLOEXEC);
  }

  static void close(int fd) {
    CLOSE.plain(fd);
  }

  /** What ppoll returns, or the negated error number. */
  static int ppoll(MemorySegment errno, long entries, int count, long timespec) {
    return quick(PPOLL, errno, entries, count, timespec);
  }

  static int read(MemorySegment errno, int fd, long address, long bytes) {
    return quick(READ, errno, fd, address, bytes);
  }

  static int write(MemorySegment errno, int fd, long address, long bytes) {
    return quick(WRITE, errno, fd, address, bytes);
  }

  private static int quick(NativeFunction function, MemorySegment errno, long a, long b, long c) {
    int result = (int) Foreign.call(function.address(), errno, a, b, c, 0, 0, 0);
    return result == -1 ? -Foreign.errno(errno) : result;
  }

  private static NativeFunction function(String name) {
    return new NativeFunction(name, Foreign.LINKER.defaultLookup().findOrThrow(name));
  }
}
