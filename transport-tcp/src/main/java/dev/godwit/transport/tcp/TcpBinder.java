package dev.godwit.transport.tcp;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Listener;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.kernel.SocketListener;
import dev.godwit.transport.kernel.Sockets;
import dev.godwit.transport.kernel.Waker;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.Arena;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/**
 * Listens on one address: the first of the host's that can be bound, and without a host on all of
 * this machine's, IPv6 and IPv4 through one socket.
 */
final class TcpBinder {
  /** A resolver that takes longer is broken, and nobody can abort a listener that is not there. */
  private static final Duration RESOLVE = Duration.ofSeconds(30);

  private TcpBinder() {}

  static Listener listen(Endpoint address, TcpOptions options) throws ChannelException {
    Waker waker = Waker.open();
    boolean done = false;
    try {
      Descriptor socket = bind(address, options, waker);
      int port = SocketAddresses.local(socket.number()).orElse(options.address()).port();
      Endpoint local = address.at(new HostPort(options.address().host(), port).toString());
      Listener listener =
          new SocketListener(
              local, socket, waker, accepted -> accept(accepted, local, options), () -> {});
      done = true;
      return listener;
    } finally {
      if (!done) {
        waker.close();
      }
    }
  }

  private static Channel accept(Descriptor socket, Endpoint local, TcpOptions options)
      throws ChannelException {
    try {
      options.apply(socket.number());
    } catch (ChannelException e) {
      socket.close(Descriptor.Manner.ABRUPTLY);
      throw e;
    }
    // The bytes do not tell which migration a connection belongs to, and nothing here needs it.
    return TcpConnector.channel(socket, local, options, new StreamRegions());
  }

  private static Descriptor bind(Endpoint endpoint, TcpOptions options, Waker waker)
      throws ChannelException {
    int errno = Errno.EADDRNOTAVAIL;
    for (InetAddress address : addresses(endpoint, options, waker)) {
      int result = bind(address, options);
      if (result >= 0) {
        return Descriptor.file(result);
      }
      errno = -result;
      if (errno != Errno.EADDRNOTAVAIL && errno != Errno.EAFNOSUPPORT) {
        break;
      }
    }
    throw refused(endpoint, options, errno);
  }

  private static List<InetAddress> addresses(Endpoint endpoint, TcpOptions options, Waker waker)
      throws ChannelException {
    String host = options.address().host();
    if (!host.isEmpty()) {
      return Resolver.resolve(endpoint, host, options.families(), waker, Deadline.after(RESOLVE));
    }
    return Stream.of("::", "0.0.0.0")
        .map(InetAddress::ofLiteral)
        .filter(options.families()::allow)
        .toList();
  }

  /** A listening socket on the first port of the range that is free, or a negated error number. */
  private static int bind(InetAddress address, TcpOptions options) throws ChannelException {
    int result = -Errno.EADDRINUSE;
    for (int port = options.address().port();
        port <= options.lastPort() && result == -Errno.EADDRINUSE;
        port++) {
      result = bind(address, port, options);
    }
    return result;
  }

  private static int bind(InetAddress address, int port, TcpOptions options)
      throws ChannelException {
    int fd = Sockets.stream(SocketAddresses.family(address));
    if (fd < 0) {
      return fd;
    }
    boolean done = false;
    try (Arena arena = Arena.ofConfined()) {
      Sockets.setOption(fd, Libc.SOL_SOCKET, Libc.SO_REUSEADDR, 1);
      if (address instanceof Inet6Address) {
        boolean only = options.families() == TcpOptions.Families.IPV6;
        Sockets.setOption(fd, Libc.IPPROTO_IPV6, Libc.IPV6_V6ONLY, only ? 1 : 0);
      }
      options.apply(fd);
      int result = Libc.bind(fd, SocketAddresses.of(arena, address, port));
      if (result == 0) {
        result = Sockets.listen(fd);
      }
      done = result == 0;
      return done ? fd : result;
    } finally {
      if (!done) {
        Libc.close(fd);
      }
    }
  }

  private static ChannelException refused(Endpoint endpoint, TcpOptions options, int errno) {
    return switch (errno) {
      case Errno.EADDRINUSE ->
          new ChannelException.Refused(
              options.lastPort() == options.address().port()
                  ? "Somebody else listens at " + endpoint + " already"
                  : "All ports from "
                      + options.address().port()
                      + " to "
                      + options.lastPort()
                      + " are taken at "
                      + endpoint);
      case Errno.EACCES, Errno.EPERM ->
          new ChannelException.Refused("This process may not listen at " + endpoint);
      case Errno.EADDRNOTAVAIL, Errno.EAFNOSUPPORT, Errno.EINVAL ->
          new ChannelException.Refused(
              "The address of " + endpoint + " does not belong to this host");
      default -> Errno.failure("Cannot listen at " + endpoint, "bind", errno);
    };
  }
}
