package dev.godwit.lab.libvirt;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.libvirt.TwoHosts.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Two libvirt hosts with a proxy each, joined by TCP as {@code docs/libvirt.md} has it. {@link
 * #close} ends whatever is left of them and removes their directory.
 */
final class ProxiedHosts implements AutoCloseable {
  /** The socket in /run/godwit that both proxies and every migration use. */
  static final String SOCKET = "mig.sock";

  private final Deque<AutoCloseable> parts = new ArrayDeque<>();
  private final TwoHosts hosts;
  private final ProxyProcess near;
  private final ProxyProcess far;

  private ProxiedHosts(QemuBinary.Installed qemu, BootSector guest) throws Exception {
    // A unix socket's path is short, and so must be what stands before it.
    Path dir = Files.createTempDirectory("gw");
    parts.push(() -> remove(dir));
    try {
      // One JVM starts while the hosts do, the other while the first guest boots.
      far =
          opened(
              ProxyProcess.start(
                  "tcp:127.0.0.1:0", "unix:" + TwoHosts.socket(dir, Host.B, SOCKET)));
      hosts = opened(TwoHosts.start(dir, qemu, guest));
      near = opened(startAtSource(SOCKET, far.listening()));
    } catch (Exception e) {
      close();
      throw e;
    }
  }

  static ProxiedHosts start(QemuBinary.Installed qemu, BootSector guest) throws Exception {
    return new ProxiedHosts(qemu, guest);
  }

  private <T extends AutoCloseable> T opened(T part) {
    parts.push(part);
    return part;
  }

  /** A proxy at host A whose socket QEMU may use; the caller's to close. */
  ProxyProcess startAtSource(String socket, String target) throws IOException {
    String owner = hosts.place("QEMU_ID");
    return ProxyProcess.start("unix:" + hosts.socket(Host.A, socket) + "?owner=" + owner, target);
  }

  /** Starts a new guest at host A; returns when it ticks and both proxies listen. */
  void boot() throws Exception {
    hosts.boot();
    near.listening();
    near.skipReports();
    far.skipReports();
  }

  TwoHosts hosts() {
    return hosts;
  }

  /** The proxy at the source. */
  ProxyProcess near() {
    return near;
  }

  /** The proxy at the destination. */
  ProxyProcess far() {
    return far;
  }

  /** What both proxies logged, for the message of a failure. */
  String logs() {
    return near + System.lineSeparator() + far;
  }

  @Override
  public void close() throws Exception {
    List<Exception> failures = new ArrayList<>();
    while (!parts.isEmpty()) {
      try {
        parts.pop().close();
      } catch (Exception e) {
        failures.add(e);
      }
    }
    if (!failures.isEmpty()) {
      Exception first = failures.removeFirst();
      failures.forEach(first::addSuppressed);
      throw first;
    }
  }

  private static void remove(Path dir) throws IOException {
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
