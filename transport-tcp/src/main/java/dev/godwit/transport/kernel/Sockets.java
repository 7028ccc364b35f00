package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Settings;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Map;

/** Making and asking stream sockets; each of them is closed on exec. */
public final class Sockets {
  /** Key of the setting for {@code SO_SNDBUF}. */
  public static final String SEND_BUFFER = "send-buffer";

  /** Key of the setting for {@code SO_RCVBUF}. */
  public static final String RECEIVE_BUFFER = "receive-buffer";

  /** What the two mean. */
  public static final Map<String, String> BUFFER_SETTINGS =
      Map.of(
          SEND_BUFFER,
          "bytes the kernel may hold that the peer has not taken (default: the kernel's choice)",
          RECEIVE_BUFFER,
          "bytes the kernel may hold that this side has not read (default: the kernel's choice)");

  /** More than the 255 multifd channels that one source may open before the first is accepted. */
  public static final int BACKLOG = 1024;

  private static final Duration FIRST_RETRY = Duration.ofMillis(1);
  private static final Duration LAST_RETRY = Duration.ofMillis(50);

  private Sockets() {}

  /** A blocking stream socket, or a negated error number. */
  public static int stream(int family) {
    return Libc.socket(family, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC);
  }

  public static int setOption(int fd, int level, int option, int value) {
    try (Arena arena = Arena.ofConfined()) {
      return Libc.setsockopt(fd, level, option, arena.allocateFrom(JAVA_INT, value));
    }
  }

  /** Starts to listen so that accepting never blocks; 0 or a negated error number. */
  public static int listen(int fd) {
    int flags = Libc.fcntl(fd, Libc.F_GETFL, 0);
    int result = Libc.fcntl(fd, Libc.F_SETFL, flags | Libc.O_NONBLOCK);
    return result < 0 ? result : Libc.listen(fd, BACKLOG);
  }

  /** An option's value, or a negated error number. */
  public static int option(int fd, int level, int option) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(JAVA_INT);
      int result = Libc.getsockopt(fd, level, option, value);
      return result < 0 ? result : value.get(JAVA_INT, 0);
    }
  }

  /** Checks the buffer settings; the kernel doubles each value, and caps it at its own maximum. */
  public static void checkBuffers(Settings settings) {
    settings.bytes(SEND_BUFFER, 0);
    settings.bytes(RECEIVE_BUFFER, 0);
  }

  /**
   * Sets the buffer sizes that {@code settings} ask for; before connect or listen they reach far.
   */
  public static void setBuffers(int fd, Settings settings) throws ChannelException {
    setBuffers(fd, settings, 0);
  }

  /**
   * The same with a send buffer of our own where the user asks for none; 0 leaves it to the kernel.
   */
  public static void setBuffers(int fd, Settings settings, long sendBytes) throws ChannelException {
    setBuffer(fd, Libc.SO_SNDBUF, settings.bytes(SEND_BUFFER, sendBytes));
    setBuffer(fd, Libc.SO_RCVBUF, settings.bytes(RECEIVE_BUFFER, 0));
  }

  private static void setBuffer(int fd, int option, long bytes) throws ChannelException {
    if (bytes > 0) {
      int value = (int) Math.min(bytes, Integer.MAX_VALUE / 2);
      Errno.check(
          setOption(fd, Libc.SOL_SOCKET, option, value), "Cannot size a buffer", "setsockopt");
    }
  }

  /**
   * Connects a blocking socket, waiting in poll.
   *
   * @return 0 once connected, a negated error number, {@code -ETIMEDOUT} also if the deadline
   *     passed, {@code -ECANCELED} if the waker was woken
   */
  public static int connect(int fd, MemorySegment address, Waker waker, Deadline deadline)
      throws ChannelException {
    int flags = Libc.fcntl(fd, Libc.F_GETFL, 0);
    Libc.fcntl(fd, Libc.F_SETFL, flags | Libc.O_NONBLOCK);
    int result = Libc.connect(fd, address);
    Duration retry = FIRST_RETRY;
    while (result == -Errno.EAGAIN) {
      // A unix socket whose queue is full: the kernel tells nobody when there is room again.
      int waited = waitFor(waker, -1, 0, earlier(deadline, retry));
      if (waited == -Errno.ECANCELED || deadline.hasPassed()) {
        return waited == -Errno.ECANCELED ? waited : -Errno.ETIMEDOUT;
      }
      retry = retry.multipliedBy(2).compareTo(LAST_RETRY) < 0 ? retry.multipliedBy(2) : LAST_RETRY;
      result = Libc.connect(fd, address);
    }
    if (result == -Errno.EINPROGRESS || result == -Errno.EINTR) {
      result = waitFor(waker, fd, Libc.POLLOUT, deadline);
      if (result == 0) {
        result = -option(fd, Libc.SOL_SOCKET, Libc.SO_ERROR);
      }
    }
    if (result == 0) {
      Libc.fcntl(fd, Libc.F_SETFL, flags);
    }
    return result;
  }

  private static Deadline earlier(Deadline deadline, Duration wait) {
    return deadline.remainingNanos() < wait.toNanos() ? deadline : Deadline.after(wait);
  }

  private static int waitFor(Waker waker, int fd, int events, Deadline deadline)
      throws ChannelException {
    return switch (waker.await(fd, events, deadline)) {
      case READY -> 0;
      case TIMED_OUT -> -Errno.ETIMEDOUT;
      case WOKEN -> -Errno.ECANCELED;
    };
  }

  /** Who connected, or who listened, as the kernel noted it. */
  public static PeerIdentity peerProcess(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment credentials = arena.allocate(JAVA_INT, 3);
      if (Libc.getsockopt(fd, Libc.SOL_SOCKET, Libc.SO_PEERCRED, credentials) < 0) {
        return new PeerIdentity.Unknown();
      }
      return new PeerIdentity.LocalProcess(
          credentials.getAtIndex(JAVA_INT, 0),
          credentials.getAtIndex(JAVA_INT, 1),
          credentials.getAtIndex(JAVA_INT, 2));
    }
  }
}
