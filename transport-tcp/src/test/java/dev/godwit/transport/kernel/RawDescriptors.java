package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** Descriptors such as a parent process leaves open: bare numbers, not closed on exec. */
public final class RawDescriptors implements AutoCloseable {
  private record Opened(int number, FileStatus identity) {}

  private final List<Opened> opened = new ArrayList<>();

  /** Both ends of a TCP connection. */
  public int[] tcpPair() {
    try (Arena arena = Arena.ofConfined()) {
      int listening = Libc.socket(Libc.AF_INET, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC);
      InetAddress loopback = InetAddress.ofLiteral("127.0.0.1");
      assertThat(Libc.bind(listening, SocketAddresses.of(arena, loopback, 0))).isZero();
      assertThat(Libc.listen(listening, 1)).isZero();
      int port = SocketAddresses.local(listening).orElseThrow().port();
      int dialled = keep(Libc.socket(Libc.AF_INET, Libc.SOCK_STREAM));
      assertThat(Libc.connect(dialled, SocketAddresses.of(arena, loopback, port))).isZero();
      int accepted = keep(Libc.accept(listening, 0));
      Libc.close(listening);
      return new int[] {accepted, dialled};
    }
  }

  /** Both ends of a unix socket pair. */
  public int[] unixPair() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(JAVA_INT, 2);
      assertThat(Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM, pair)).isZero();
      return both(pair);
    }
  }

  /** The reading and the writing end of a pipe. */
  public int[] pipe() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(JAVA_INT, 2);
      assertThat(Libc.pipe(pair, 0)).isZero();
      return both(pair);
    }
  }

  private int[] both(MemorySegment pair) {
    return new int[] {keep(pair.getAtIndex(JAVA_INT, 0)), keep(pair.getAtIndex(JAVA_INT, 1))};
  }

  /** Remembers a descriptor that the test has opened. */
  public int keep(int fd) {
    assertThat(fd).isNotNegative();
    opened.add(new Opened(fd, FileStatus.of(fd).orElseThrow()));
    return fd;
  }

  /** Closes what nobody has taken over. */
  @Override
  public void close() {
    for (Opened one : opened) {
      boolean mine = FileStatus.of(one.number()).map(one.identity()::isSameFile).orElse(false);
      if (mine && Libc.fcntl(one.number(), Libc.F_GETFD, 0) == 0) {
        Libc.close(one.number());
      }
    }
  }
}
