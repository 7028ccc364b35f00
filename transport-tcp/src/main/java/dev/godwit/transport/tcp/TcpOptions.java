package dev.godwit.transport.tcp;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Settings;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.Sockets;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the settings of a {@code tcp:} endpoint ask for.
 *
 * <p>A dead link is noticed within {@code user-timeout}, 60 s unless set: while data is on its way
 * by {@code TCP_USER_TIMEOUT}, and while there is none by keep-alive probes, the first after 15 s
 * of silence and one each 5 s. A minute is what a rebooting switch needs, and short enough that a
 * migration which cannot go on does not hold the VM's RAM on two hosts for long. The kernel counts
 * a peer that is alive and does not read for so long as dead, too.
 *
 * @param address whom to dial or where to listen
 * @param lastPort where listening gives up when all ports from the address's own on are taken
 * @param families which of IPv4 and IPv6 to use
 * @param userTimeout zero leaves it to the kernel
 * @param settings the buffer sizes are read from here
 */
record TcpOptions(
    HostPort address,
    int lastPort,
    Families families,
    boolean keepAlive,
    Duration userTimeout,
    Settings settings) {
  static final Map<String, String> SETTINGS = settingTexts();

  private static final Duration USER_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration MAX_USER_TIMEOUT = Duration.ofHours(24);
  private static final int KEEP_IDLE_SECONDS = 15;
  private static final int KEEP_INTERVAL_SECONDS = 5;

  /** Which addresses may be used, and which come first. */
  enum Families {
    BOTH("IPv4 or IPv6"),
    IPV4("IPv4"),
    IPV6("IPv6");

    private final String text;

    Families(String text) {
      this.text = text;
    }

    boolean allow(InetAddress address) {
      return switch (this) {
        case BOTH -> true;
        case IPV4 -> !(address instanceof Inet6Address);
        case IPV6 -> address instanceof Inet6Address;
      };
    }

    @Override
    public String toString() {
      return text;
    }
  }

  static TcpOptions of(Endpoint endpoint) {
    Settings settings = endpoint.settings();
    settings.requireKnown(endpoint.scheme(), SETTINGS.keySet());
    HostPort address = HostPort.of(endpoint);
    int lastPort = settings.number("to", address.port(), 0, 65535);
    if (lastPort < address.port()) {
      throw new EndpointException(
          "Setting to must be a port from "
              + address.port()
              + " on, since it ends the range that begins there, not "
              + lastPort);
    }
    Duration userTimeout = settings.duration("user-timeout", USER_TIMEOUT);
    if (userTimeout.compareTo(MAX_USER_TIMEOUT) > 0
        || (!userTimeout.isZero() && userTimeout.toMillis() == 0)) {
      throw new EndpointException("Setting user-timeout must be 0s, or from 1ms to 24 hours");
    }
    Sockets.checkBuffers(settings);
    return new TcpOptions(
        address,
        lastPort,
        families(settings),
        settings.flag("keep-alive", true),
        userTimeout,
        settings);
  }

  /** QEMU's meaning: one that is on excludes the other, unless that one is on, too. */
  private static Families families(Settings settings) {
    boolean has4 = settings.text("ipv4").isPresent();
    boolean has6 = settings.text("ipv6").isPresent();
    boolean four = settings.flag("ipv4", !has6 || !settings.flag("ipv6", false));
    boolean six = settings.flag("ipv6", !has4 || !settings.flag("ipv4", false));
    if (!four && !six) {
      throw new EndpointException("Settings ipv4 and ipv6 cannot both be off");
    }
    return four && six ? Families.BOTH : four ? Families.IPV4 : Families.IPV6;
  }

  /** Prepares a socket; on a listening one, for all that it accepts. */
  void apply(int fd) throws ChannelException {
    set(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, 1);
    set(fd, Libc.SOL_SOCKET, Libc.SO_KEEPALIVE, keepAlive ? 1 : 0);
    if (keepAlive) {
      set(fd, Libc.IPPROTO_TCP, Libc.TCP_KEEPIDLE, KEEP_IDLE_SECONDS);
      set(fd, Libc.IPPROTO_TCP, Libc.TCP_KEEPINTVL, KEEP_INTERVAL_SECONDS);
      set(fd, Libc.IPPROTO_TCP, Libc.TCP_KEEPCNT, keepCount());
    }
    set(fd, Libc.IPPROTO_TCP, Libc.TCP_USER_TIMEOUT, (int) userTimeout.toMillis());
    Sockets.setBuffers(fd, settings);
  }

  /** As many probes as fit into the timeout; the kernel takes 1 to 127. */
  private int keepCount() {
    if (userTimeout.isZero()) {
      return 9;
    }
    long probes = (userTimeout.toSeconds() - KEEP_IDLE_SECONDS) / KEEP_INTERVAL_SECONDS;
    return Math.clamp(probes, 1, 127);
  }

  private static void set(int fd, int level, int option, int value) throws ChannelException {
    Errno.check(
        Sockets.setOption(fd, level, option, value),
        "Cannot set an option of a TCP socket",
        "setsockopt");
  }

  private static Map<String, String> settingTexts() {
    Map<String, String> texts = new TreeMap<>(Sockets.BUFFER_SETTINGS);
    texts.put("ipv4", "on or off: whether to use IPv4 (default: whatever the host has)");
    texts.put("ipv6", "on or off: whether to use IPv6 (default: whatever the host has)");
    texts.put("keep-alive", "on or off: whether to probe an idle connection (default: on)");
    texts.put("to", "when listening, the last port to try if the one in the address is taken");
    texts.put(
        "user-timeout",
        "how long the peer may take nothing before the connection counts as dead, such as 60s"
            + " (the default); 0s leaves it to the kernel");
    return Map.copyOf(texts);
  }
}
