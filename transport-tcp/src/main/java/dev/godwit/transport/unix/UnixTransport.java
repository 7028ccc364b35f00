package dev.godwit.transport.unix;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transport;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Kernel;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.kernel.SocketListener;
import dev.godwit.transport.kernel.SocketMedium;
import dev.godwit.transport.kernel.Sockets;
import dev.godwit.transport.kernel.Waker;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code unix:/path}, the wire of QEMU's own {@code unix:}.
 *
 * <p>The kernel tells each end the process at the other one. It does not tell an aborted or killed
 * peer from one that closed in order, unless bytes were lost by it.
 */
public final class UnixTransport implements Transport {
  /**
   * What a dialled socket may hold. A QEMU that reads from a full socket spends far less on waking
   * up; more than this would only be more to drain when the guest is handed over.
   */
  private static final long DIALLED_SEND_BYTES = 1 << 20;

  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.LOCAL, true, true, true);

  private static final Map<String, String> SETTINGS = settingTexts();

  @Override
  public String scheme() {
    return "unix";
  }

  @Override
  public String description() {
    return "A unix socket, as in unix:/run/godwit/migration.sock";
  }

  @Override
  public Availability availability() {
    return Kernel.availability();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    check(target);
    return new DescriptorDialer(
        target, (peer, waker, deadline) -> connect(target, peer, waker, deadline));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    check(address);
    SocketFile.Permissions permissions = SocketFile.Permissions.of(address.settings());
    int fd = Errno.check(Sockets.stream(Libc.AF_UNIX), "Cannot make a socket", "socket");
    Descriptor socket = Descriptor.file(fd);
    boolean done = false;
    try {
      Sockets.setBuffers(fd, address.settings());
      SocketFile file = SocketFile.bind(address, fd, permissions);
      try {
        Errno.check(Sockets.listen(fd), "Cannot listen at " + address, "listen");
        Listener listener =
            new SocketListener(
                address, socket, Waker.open(), accepted -> accept(address, accepted), file::remove);
        done = true;
        return listener;
      } finally {
        if (!done) {
          file.remove();
        }
      }
    } finally {
      if (!done) {
        socket.close(Descriptor.Manner.IN_ORDER);
      }
    }
  }

  private static Channel accept(Endpoint address, Descriptor socket) throws ChannelException {
    try {
      Sockets.setBuffers(socket.number(), address.settings());
    } catch (ChannelException e) {
      socket.close(Descriptor.Manner.ABRUPTLY);
      throw e;
    }
    return channel(socket, address, new StreamRegions());
  }

  private static Channel connect(Endpoint target, Peer peer, Waker waker, Deadline deadline)
      throws ChannelException {
    int fd = Errno.check(Sockets.stream(Libc.AF_UNIX), "Cannot make a socket", "socket");
    Descriptor socket = Descriptor.socket(fd);
    boolean done = false;
    try (Arena arena = Arena.ofConfined()) {
      Sockets.setBuffers(fd, target.settings(), DIALLED_SEND_BYTES);
      int result =
          Sockets.connect(fd, SocketAddresses.ofPath(arena, target.address()), waker, deadline);
      if (result < 0) {
        throw refused(target, -result);
      }
      done = true;
      return channel(socket, target, peer);
    } finally {
      if (!done) {
        socket.close(Descriptor.Manner.ABRUPTLY);
      }
    }
  }

  private static ChannelException refused(Endpoint target, int errno) {
    return switch (errno) {
      case Errno.ECANCELED -> new ChannelException.Aborted("Dialling " + target + " ended", null);
      case Errno.ETIMEDOUT ->
          new ChannelException.TimedOut("The queue of " + target + " stayed full");
      case Errno.ENOENT, Errno.ENOTDIR ->
          new ChannelException.Refused("There is no socket at " + target);
      case Errno.ECONNREFUSED -> new ChannelException.Refused("Nobody listens at " + target);
      case Errno.EACCES, Errno.EPERM ->
          new ChannelException.Refused("This process may not connect to " + target);
      case Errno.EPROTOTYPE ->
          new ChannelException.Refused("The socket at " + target + " is no stream socket");
      default -> Errno.failure("Cannot connect to " + target, "connect", errno);
    };
  }

  private static Channel channel(Descriptor socket, Endpoint given, Peer peer) {
    // The dialling end of a unix socket has no name of its own.
    Endpoint plain = given.with(Settings.none());
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            plain,
            plain,
            Sockets.peerProcess(socket.number()),
            CAPABILITIES,
            peer);
    return DescriptorChannel.duplex(
        info, socket, socket, new SocketMedium(socket, plain.toString(), Duration.ZERO));
  }

  private static void check(Endpoint endpoint) {
    endpoint.settings().requireKnown(endpoint.scheme(), SETTINGS.keySet());
    SocketFile.Permissions.of(endpoint.settings());
    Sockets.checkBuffers(endpoint.settings());
    int bytes = endpoint.address().getBytes(StandardCharsets.UTF_8).length;
    if (bytes == 0) {
      throw new EndpointException("'" + endpoint + "' has no path, write unix:/path/of/socket");
    }
    if (bytes > SocketAddresses.MAX_PATH_BYTES) {
      throw new EndpointException(
          "The path of a unix socket has at most "
              + SocketAddresses.MAX_PATH_BYTES
              + " bytes, and '"
              + endpoint.address()
              + "' has "
              + bytes);
    }
  }

  private static Map<String, String> settingTexts() {
    Map<String, String> texts = new TreeMap<>(Sockets.BUFFER_SETTINGS);
    texts.put(
        Sockets.SEND_BUFFER,
        "bytes the kernel may hold that the peer has not taken (default: 1M when dialling)");
    texts.put("mode", "when listening, the socket's permissions in octal (default: 0600)");
    texts.put("owner", "when listening, the user who owns the socket, by name or number");
    texts.put("group", "when listening, the group of the socket, by name or number");
    return Map.copyOf(texts);
  }
}
