package dev.godwit.transport.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** A listening socket that nobody accepts from, with no room left for one more connection. */
public final class FullQueue implements AutoCloseable {
  /** A queue of length 0 takes one or two. */
  private static final int FILLERS = 8;

  private final List<Integer> sockets = new ArrayList<>();
  private final int port;

  private FullQueue(int family, MemorySegment address) {
    int listening = open(family);
    assertThat(Libc.bind(listening, address)).isZero();
    assertThat(Libc.listen(listening, 0)).isZero();
    MemorySegment bound = address;
    port = SocketAddresses.local(listening).map(local -> local.port()).orElse(0);
    try (Arena arena = Arena.ofConfined()) {
      if (family == Libc.AF_INET) {
        bound = SocketAddresses.of(arena, InetAddress.ofLiteral("127.0.0.1"), port);
      }
      for (int i = 0; i < FILLERS; i++) {
        int filler = open(family);
        Libc.fcntl(filler, Libc.F_SETFL, Libc.O_NONBLOCK);
        assertThat(Libc.connect(filler, bound)).isIn(0, -Errno.EINPROGRESS, -Errno.EAGAIN);
      }
    }
  }

  public static FullQueue tcp() {
    try (Arena arena = Arena.ofConfined()) {
      return new FullQueue(
          Libc.AF_INET, SocketAddresses.of(arena, InetAddress.ofLiteral("127.0.0.1"), 0));
    }
  }

  public static FullQueue unix(String path) {
    try (Arena arena = Arena.ofConfined()) {
      return new FullQueue(Libc.AF_UNIX, SocketAddresses.ofPath(arena, path));
    }
  }

  public int port() {
    return port;
  }

  /** Makes room. */
  public void acceptOne() {
    int accepted = Libc.accept(sockets.getFirst(), Libc.SOCK_CLOEXEC);
    assertThat(accepted).isNotNegative();
    sockets.add(accepted);
  }

  private int open(int family) {
    int fd = Sockets.stream(family);
    assertThat(fd).isNotNegative();
    sockets.add(fd);
    return fd;
  }

  @Override
  public void close() {
    sockets.forEach(Libc::close);
  }
}
