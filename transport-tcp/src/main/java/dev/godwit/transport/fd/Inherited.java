package dev.godwit.transport.fd;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.FileMedium;
import dev.godwit.transport.kernel.FileStatus;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.Medium;
import dev.godwit.transport.kernel.PipeMedium;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.kernel.SocketMedium;
import dev.godwit.transport.kernel.Sockets;
import dev.godwit.transport.support.ChannelLifecycle;
import java.time.Duration;

/**
 * An inherited descriptor that was taken over.
 *
 * @param accessMode what it was opened for, O_RDONLY, O_WRONLY or O_RDWR
 */
record Inherited(Endpoint endpoint, Descriptor descriptor, Kind kind, int accessMode) {

  /** What sort of channel it makes. */
  enum Kind {
    CONNECTED,
    LISTENING,
    PIPE,
    FILE
  }

  /**
   * Takes descriptor {@code number} over. What this process opened by itself is closed on exec and
   * what it inherited is not, so that flag tells the two apart; it is set here, and nothing is
   * taken twice.
   *
   * @param mayListen whether a listening socket will do
   * @throws ChannelException.Refused if it cannot be a channel; then it is left as it was
   */
  static synchronized Inherited take(Endpoint endpoint, int number, boolean mayListen)
      throws ChannelException {
    int flags = Libc.fcntl(number, Libc.F_GETFD, 0);
    if (flags < 0) {
      throw refused(endpoint, "is not open in this process");
    }
    if ((flags & Libc.FD_CLOEXEC) != 0) {
      throw refused(endpoint, "was not inherited, or is in use already");
    }
    if (number == 2) {
      throw refused(endpoint, "is where messages go");
    }
    Kind kind = kind(endpoint, number);
    if (kind == Kind.LISTENING && !mayListen) {
      throw refused(endpoint, "is a socket that listens, to be accepted from and not dialled");
    }
    int mine = number > 2 ? own(endpoint, number) : replace(endpoint, number);
    int status = Libc.fcntl(mine, Libc.F_GETFL, 0);
    boolean done = false;
    try {
      Descriptor descriptor =
          switch (kind) {
            case CONNECTED -> {
              Libc.fcntl(mine, Libc.F_SETFL, status & ~Libc.O_NONBLOCK);
              yield Descriptor.socket(mine, status);
            }
            case LISTENING -> {
              Libc.fcntl(mine, Libc.F_SETFL, status | Libc.O_NONBLOCK);
              yield Descriptor.listening(mine, status);
            }
            case PIPE -> Descriptor.pipe(mine);
            case FILE -> Descriptor.file(mine);
          };
      done = true;
      return new Inherited(endpoint, descriptor, kind, status & Libc.O_ACCMODE);
    } finally {
      if (!done) {
        Libc.close(mine);
      }
    }
  }

  private static int own(Endpoint endpoint, int number) throws ChannelException {
    Errno.check(
        Libc.fcntl(number, Libc.F_SETFD, Libc.FD_CLOEXEC), "Cannot take " + endpoint, "fcntl");
    return number;
  }

  /** What this process prints must not end up in the stream, so its place is taken by nothing. */
  private static int replace(Endpoint endpoint, int number) throws ChannelException {
    int mine =
        Errno.check(
            Libc.fcntl(number, Libc.F_DUPFD_CLOEXEC, 3), "Cannot take " + endpoint, "fcntl");
    int nothing = Libc.open("/dev/null", Libc.O_RDWR | Libc.O_CLOEXEC, 0);
    if (nothing >= 0) {
      // Open to the next exec like any standard stream, but taken: close-on-exec says so.
      Libc.dup3(nothing, number, Libc.O_CLOEXEC);
      Libc.close(nothing);
    }
    return mine;
  }

  private static Kind kind(Endpoint endpoint, int number) throws ChannelException {
    return switch (FileStatus.of(number).map(FileStatus::type).orElse(FileStatus.Type.ANONYMOUS)) {
      case SOCKET -> socketKind(endpoint, number);
      case PIPE -> Kind.PIPE;
      case REGULAR, BLOCK_DEVICE -> Kind.FILE;
      case CHARACTER_DEVICE -> throw refused(endpoint, "is a terminal or another device");
      case DIRECTORY -> throw refused(endpoint, "is a directory");
      case LINK, ANONYMOUS -> throw refused(endpoint, "is no socket, pipe or file");
    };
  }

  private static Kind socketKind(Endpoint endpoint, int number) throws ChannelException {
    if (Sockets.option(number, Libc.SOL_SOCKET, Libc.SO_TYPE) != Libc.SOCK_STREAM) {
      throw refused(endpoint, "is a socket, but no stream socket");
    }
    if (Sockets.option(number, Libc.SOL_SOCKET, Libc.SO_ACCEPTCONN) == 1) {
      return Kind.LISTENING;
    }
    if (!SocketAddresses.isConnected(number)) {
      throw refused(endpoint, "is a socket that is not connected and does not listen");
    }
    return Kind.CONNECTED;
  }

  private static ChannelException.Refused refused(Endpoint endpoint, String why) {
    return new ChannelException.Refused("The descriptor of " + endpoint + " " + why);
  }

  boolean listening() {
    return kind == Kind.LISTENING;
  }

  /** The channel, which owns the descriptor from now on. */
  Channel channel(Peer peer) throws ChannelException {
    return switch (kind) {
      case CONNECTED, LISTENING -> channel(endpoint, descriptor, false, peer);
      case PIPE -> oneWay(new PipeMedium(descriptor, endpoint.toString()), peer);
      case FILE ->
          oneWay(
              new FileMedium(
                  descriptor, endpoint.toString(), accessMode != Libc.O_RDONLY, () -> {}),
              peer);
    };
  }

  /** A channel over a connected socket. */
  static Channel channel(Endpoint endpoint, Descriptor socket, boolean many, Peer peer) {
    boolean unix = Sockets.option(socket.number(), Libc.SOL_SOCKET, Libc.SO_DOMAIN) == Libc.AF_UNIX;
    ChannelInfo info =
        info(
            endpoint,
            unix ? Sockets.peerProcess(socket.number()) : new PeerIdentity.Unknown(),
            new Capabilities(
                Placement.INLINE, unix ? Protection.LOCAL : Protection.UNKNOWN, many, true, true),
            peer);
    return DescriptorChannel.duplex(
        info, socket, socket, new SocketMedium(socket, endpoint.toString(), Duration.ZERO));
  }

  private Channel oneWay(Medium medium, Peer peer) {
    ChannelInfo info =
        info(
            endpoint,
            new PeerIdentity.Unknown(),
            new Capabilities(Placement.INLINE, Protection.LOCAL, false, false, true),
            peer);
    return accessMode == Libc.O_RDONLY
        ? DescriptorChannel.reading(info, descriptor, medium)
        : DescriptorChannel.writing(info, descriptor, medium);
  }

  private static ChannelInfo info(
      Endpoint endpoint, PeerIdentity identity, Capabilities capabilities, Peer peer) {
    return new ChannelInfo(
        ChannelLifecycle.nextSerial(), endpoint, endpoint, identity, capabilities, peer);
  }

  void close() {
    descriptor.close(Descriptor.Manner.IN_ORDER);
  }
}
