package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import org.jspecify.annotations.Nullable;

/** Accepts from a listening socket, in the order of the kernel's queue. */
public final class SocketListener implements Listener {

  /** Makes a channel of a connected socket, which it owns even if it fails. */
  @FunctionalInterface
  public interface Accepted {
    Channel channel(Descriptor socket) throws ChannelException;
  }

  /** What is to be done when the listener has been closed. */
  @FunctionalInterface
  public interface Afterwards {
    void run() throws ChannelException;
  }

  private final Endpoint local;
  private final Descriptor socket;
  private final Waker waker;
  private final Accepted accepted;
  private final Afterwards afterwards;
  private @Nullable Throwable abortedBy;
  private boolean closed;

  /**
   * @param socket listens; it is this listener's from now on, as is {@code waker}
   */
  public SocketListener(
      Endpoint local, Descriptor socket, Waker waker, Accepted accepted, Afterwards afterwards) {
    this.local = local;
    this.socket = socket;
    this.waker = waker;
    this.accepted = accepted;
    this.afterwards = afterwards;
  }

  @Override
  public Endpoint local() {
    return local;
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    while (true) {
      requireOpen();
      if (!socket.enterToRead()) {
        continue;
      }
      int fd;
      try {
        switch (waker.await(socket.number(), Libc.POLLIN, deadline)) {
          case WOKEN -> {
            continue;
          }
          case TIMED_OUT ->
              throw new ChannelException.TimedOut("Nobody connected to " + local + " in time");
          case READY -> fd = Libc.accept(socket.number(), Libc.SOCK_CLOEXEC);
          default -> throw new IllegalStateException();
        }
      } finally {
        socket.leaveFromRead();
      }
      if (fd >= 0) {
        return accepted.channel(Descriptor.socket(fd));
      }
      if (!passes(-fd)) {
        throw Errno.failure("Cannot accept a connection at " + local, "accept", -fd);
      }
    }
  }

  /** Errors of a connection that is gone before it was accepted; accept(2) lists them. */
  private static boolean passes(int errno) {
    return switch (errno) {
      case Errno.EAGAIN,
          Errno.ECONNABORTED,
          Errno.EPROTO,
          Errno.ENETDOWN,
          Errno.EHOSTDOWN,
          Errno.EHOSTUNREACH,
          Errno.ENETUNREACH,
          Errno.EOPNOTSUPP ->
          true;
      default -> false;
    };
  }

  private synchronized void requireOpen() throws ChannelException {
    if (abortedBy != null || closed) {
      throw new ChannelException.Aborted("Listening at " + local + " has ended", abortedBy);
    }
  }

  @Override
  public void abort(Throwable cause) {
    synchronized (this) {
      if (abortedBy != null || closed) {
        return;
      }
      abortedBy = cause;
    }
    waker.wake();
  }

  @Override
  public void close() throws ChannelException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    waker.close();
    socket.close(Descriptor.Manner.IN_ORDER);
    afterwards.run();
  }
}
