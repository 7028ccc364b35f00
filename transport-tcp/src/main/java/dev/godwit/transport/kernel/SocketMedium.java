package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;
import java.time.Duration;

/** A connected stream socket. */
public final class SocketMedium implements Medium {
  private final Descriptor socket;
  private final String peer;
  private final Duration patience;

  /**
   * @param peer the other end, in messages
   * @param patience how long the kernel waits for the peer's kernel before it gives up, zero for as
   *     long as it thinks right
   */
  public SocketMedium(Descriptor socket, String peer, Duration patience) {
    this.socket = socket;
    this.peer = peer;
    this.patience = patience;
  }

  @Override
  public ChannelException failure(boolean reading, int errno) {
    return switch (errno) {
      case Errno.EPIPE, Errno.ECONNRESET ->
          new ChannelException.Lost("The connection to " + peer + " was closed by its other end");
      case Errno.ETIMEDOUT ->
          new ChannelException.Lost(
              "The connection to "
                  + peer
                  + " is dead, nothing was acknowledged for "
                  + (patience.isZero() ? "a long time" : patience.toSeconds() + " s"));
      case Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.ENETDOWN, Errno.EHOSTDOWN ->
          new ChannelException.Lost(
              "The connection to " + peer + " broke, the kernel says " + Errno.text(errno));
      default ->
          Errno.failure("The connection to " + peer + " failed", reading ? "recv" : "send", errno);
    };
  }

  @Override
  public void endOutput() throws ChannelException {
    int result = socket.shutdownOutput();
    if (result < 0) {
      throw result == -Errno.ENOTCONN
          ? new ChannelException.Lost("The connection to " + peer + " was closed by its other end")
          : Errno.failure("Cannot end the output to " + peer, "shutdown", -result);
    }
  }

  @Override
  public void abort() {
    socket.close(Descriptor.Manner.ABRUPTLY);
  }

  @Override
  public void close(boolean broken, boolean wrote) throws ChannelException {
    int error = broken || !wrote ? 0 : socket.takeError();
    socket.close(broken ? Descriptor.Manner.ABRUPTLY : Descriptor.Manner.IN_ORDER);
    if (error != 0) {
      throw failure(false, error);
    }
  }
}
