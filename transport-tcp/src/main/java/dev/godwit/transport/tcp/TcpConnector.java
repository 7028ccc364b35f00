package dev.godwit.transport.tcp;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Settings;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.kernel.SocketMedium;
import dev.godwit.transport.kernel.Sockets;
import dev.godwit.transport.kernel.Waker;
import dev.godwit.transport.support.ChannelLifecycle;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Connects to the first address of a host that answers. */
record TcpConnector(Endpoint target, TcpOptions options) implements DescriptorDialer.Attempt {

  TcpConnector {
    if (options.address().port() == 0) {
      throw new EndpointException("Port 0 in " + target + " can be listened on, but not dialled");
    }
  }

  @Override
  public Channel connect(Peer peer, Waker waker, Deadline deadline) throws ChannelException {
    List<ChannelException> failures = new ArrayList<>();
    for (InetAddress address : addresses(waker, deadline)) {
      try {
        return connect(address, peer, waker, deadline);
      } catch (ChannelException.Refused | ChannelException.Native e) {
        failures.add(e);
      }
    }
    ChannelException last = failures.getLast();
    failures.subList(0, failures.size() - 1).forEach(last::addSuppressed);
    throw last;
  }

  private List<InetAddress> addresses(Waker waker, Deadline deadline) throws ChannelException {
    String host = options.address().host();
    if (!host.isEmpty()) {
      return Resolver.resolve(target, host, options.families(), waker, deadline);
    }
    return List.of(InetAddress.ofLiteral("127.0.0.1"), InetAddress.ofLiteral("::1")).stream()
        .filter(options.families()::allow)
        .toList();
  }

  private Channel connect(InetAddress address, Peer peer, Waker waker, Deadline deadline)
      throws ChannelException {
    int fd = Sockets.stream(SocketAddresses.family(address));
    if (fd < 0) {
      throw refused(address, -fd);
    }
    Descriptor socket = Descriptor.socket(fd);
    boolean done = false;
    try (Arena arena = Arena.ofConfined()) {
      options.apply(fd);
      int result =
          Sockets.connect(
              fd, SocketAddresses.of(arena, address, options.address().port()), waker, deadline);
      if (result < 0) {
        throw refused(address, -result);
      }
      if (SocketAddresses.local(fd).equals(SocketAddresses.remote(fd))) {
        // TCP lets a socket meet itself on a port of the ephemeral range that nobody listens on.
        throw refused(address, Errno.ECONNREFUSED);
      }
      Channel channel = channel(socket, target, options, peer);
      done = true;
      return channel;
    } finally {
      if (!done) {
        socket.close(Descriptor.Manner.ABRUPTLY);
      }
    }
  }

  private ChannelException refused(InetAddress address, int errno) {
    String where =
        target
            + (address.getHostAddress().equals(options.address().host())
                ? ""
                : " (" + address.getHostAddress() + ")");
    return switch (errno) {
      case Errno.ECANCELED -> new ChannelException.Aborted("Dialling " + where + " ended", null);
      case Errno.ETIMEDOUT -> new ChannelException.TimedOut(where + " did not answer in time");
      case Errno.ECONNREFUSED -> new ChannelException.Refused("Nobody listens at " + where);
      case Errno.ECONNRESET ->
          new ChannelException.Refused("The connection to " + where + " was reset at once");
      case Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.ENETDOWN, Errno.EHOSTDOWN ->
          new ChannelException.Refused(
              where + " cannot be reached, the kernel says " + Errno.text(errno));
      case Errno.EADDRNOTAVAIL, Errno.EAFNOSUPPORT, Errno.EACCES, Errno.EPERM, Errno.EINVAL ->
          new ChannelException.Refused(
              where + " cannot be dialled from here, the kernel says " + Errno.text(errno));
      default -> Errno.failure("Cannot connect to " + where, "connect", errno);
    };
  }

  /** A channel over a connected TCP socket. */
  static Channel channel(Descriptor socket, Endpoint given, TcpOptions options, Peer peer) {
    Endpoint remote = endpoint(SocketAddresses.remote(socket.number()), given);
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            endpoint(SocketAddresses.local(socket.number()), given),
            remote,
            new PeerIdentity.Unknown(),
            TcpTransport.CAPABILITIES,
            peer);
    return DescriptorChannel.duplex(
        info, socket, socket, new SocketMedium(socket, remote.toString(), options.userTimeout()));
  }

  private static Endpoint endpoint(Optional<HostPort> address, Endpoint given) {
    return new Endpoint(
        given.scheme(), address.map(HostPort::toString).orElse(given.address()), Settings.none());
  }
}
