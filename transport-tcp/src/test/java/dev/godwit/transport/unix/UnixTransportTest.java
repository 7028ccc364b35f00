package dev.godwit.transport.unix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.kernel.FullQueue;
import dev.godwit.transport.kernel.Pair;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Task;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class UnixTransportTest {
  private static final int ROOT = 0;

  @TempDir private Path scratch = Path.of("");
  private final UnixTransport transport = new UnixTransport();

  private static Deadline soon() {
    return Deadline.after(Pair.PATIENCE);
  }

  private Listener listen(String settings) throws ChannelException {
    return transport.listen(Endpoint.parse("unix:" + path() + settings));
  }

  private Path path() {
    return scratch.resolve("socket");
  }

  private Channel dial() throws ChannelException {
    try (Dialer dialer = transport.dialer(Endpoint.parse("unix:" + path()))) {
      return dialer.dial(soon());
    }
  }

  private static int uid() throws Exception {
    return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  @ParameterizedTest
  @CsvSource({
    "'',          rw-------",
    "?mode=0660,  rw-rw----",
    "?mode=777,   rwxrwxrwx",
    "?mode=0400,  r--------"
  })
  void theSocketHasItsModeWhateverTheUmask(String settings, String mode) throws Exception {
    try (Listener listener = listen(settings)) {
      assertThat(listener.local().address()).isEqualTo(path().toString());
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path())))
          .isEqualTo(mode);
    }
    assertThat(path()).doesNotExist();
  }

  @Test
  void theSocketIsHandedToWhoIsNamed() throws Exception {
    assumeTrue(uid() == ROOT, "Only root gives files away");
    try (Listener listener = listen("?owner=nobody&group=12345&mode=0660")) {
      assertThat(Files.getOwner(path()).getName()).isEqualTo("nobody");
      assertThat(Files.getAttribute(path(), "unix:gid")).isEqualTo(12345);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path())))
          .isEqualTo("rw-rw----");
      assertThat(listener.local().settings().text("owner")).contains("nobody");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "?mode=rw",
        "?mode=0999",
        "?mode=06600",
        "?owner=no-such-user-here",
        "?group=no-such-group-here",
        "?owner=99999999999",
        "?receive-buffer=x",
        "?user-timeout=1s"
      })
  void refusesSettingsThatMakeNoSense(String settings) {
    assertThatThrownBy(() -> listen(settings)).isInstanceOf(EndpointException.class);
    assertThat(path()).doesNotExist();
  }

  @Test
  void saysThatAPathIsTooLong() {
    String name = "x".repeat(108);
    assertThatThrownBy(() -> transport.listen(Endpoint.parse("unix:" + name)))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("at most 107 bytes")
        .hasMessageContaining("108");
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse("unix:" + "\u00e4".repeat(54))))
        .isInstanceOf(EndpointException.class);
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse("unix:")))
        .isInstanceOf(EndpointException.class);
  }

  @Test
  void aPathOfTheGreatestLengthWorks() throws Exception {
    String directory = scratch + "/";
    Path longest = Path.of(directory + "y".repeat(107 - directory.length()));
    try (Pair pair = Pair.of("unix:" + longest)) {
      pair.dialled().write(Pair.bytes("x"));
      pair.dialled().shutdownOutput();
      assertThat(Pair.readAll(pair.accepted())).isEqualTo("x");
    }
  }

  @Test
  void aStaleSocketIsReplaced() throws Exception {
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path()));
    }
    assertThat(path()).exists();
    try (Listener listener = listen("");
        Channel out = dial();
        Channel in = listener.accept(soon())) {
      out.write(Pair.bytes("x"));
      out.shutdownOutput();
      assertThat(Pair.readAll(in)).isEqualTo("x");
    }
  }

  @Test
  void aLiveSocketIsRefusedAndNoticesNothing() throws Exception {
    try (ServerSocketChannel live = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      live.bind(UnixDomainSocketAddress.of(path()));
      live.configureBlocking(false);
      assertThatThrownBy(() -> listen(""))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining("Somebody else listens at unix:");
      assertThat(live.accept()).as("a connection from the probe").isNull();
      assertThat(path()).exists();
    }
  }

  @Test
  void whatIsNoSocketIsNeverRemoved() throws Exception {
    Files.writeString(path(), "precious");
    assertThatThrownBy(() -> listen(""))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("it is no socket");
    assertThat(path()).hasContent("precious");
    assertThatThrownBy(() -> dial()).isInstanceOf(ChannelException.Refused.class);

    Files.delete(path());
    Path elsewhere = Files.writeString(scratch.resolve("elsewhere"), "precious");
    Files.createSymbolicLink(path(), elsewhere);
    assertThatThrownBy(() -> listen("")).isInstanceOf(ChannelException.Refused.class);
    assertThat(path()).isSymbolicLink();
    assertThat(elsewhere).hasContent("precious");
  }

  @Test
  void aFileThatTookTheSocketsPlaceIsLeft() throws Exception {
    try (Listener listener = listen("")) {
      Files.delete(path());
      Files.writeString(path(), "precious");
      listener.close();
    }
    assertThat(path()).hasContent("precious");
  }

  @Test
  void ofManyThatStartAtOnceExactlyOneListens() throws Exception {
    for (int round = 0; round < 20; round++) {
      if (round % 2 == 1) {
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
          dead.bind(UnixDomainSocketAddress.of(path()));
        }
      }
      List<Task<Boolean>> starts = new ArrayList<>();
      List<Listener> listening = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        starts.add(
            Task.start(
                "listen",
                () -> {
                  try {
                    Listener listener = listen("");
                    synchronized (listening) {
                      listening.add(listener);
                    }
                    return true;
                  } catch (ChannelException.Refused e) {
                    return false;
                  }
                }));
      }
      assertThat(starts.stream().filter(Task::result).count()).isEqualTo(1);
      try (Channel out = dial();
          Channel in = listening.getFirst().accept(soon())) {
        assertThat(out.info().serial()).isNotEqualTo(in.info().serial());
      }
      listening.getFirst().close();
    }
  }

  @Test
  void bothEndsKnowTheOthersProcess() throws Exception {
    int pid = (int) ProcessHandle.current().pid();
    int uid = uid();
    try (Pair pair = Pair.of("unix:" + path())) {
      for (Channel channel : List.of(pair.dialled(), pair.accepted())) {
        assertThat(channel.info().identity())
            .isInstanceOfSatisfying(
                PeerIdentity.LocalProcess.class,
                process -> {
                  assertThat(process.pid()).isEqualTo(pid);
                  assertThat(process.uid()).isEqualTo(uid);
                });
      }
    }
  }

  @Test
  void saysWhatIsMissing() throws Exception {
    assertThatThrownBy(() -> dial())
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("There is no socket at unix:");
    assertThatThrownBy(() -> transport.listen(Endpoint.parse("unix:" + path() + "/deeper")))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("directory");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path()));
    }
    assertThatThrownBy(() -> dial())
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("Nobody listens at unix:");
  }

  @Test
  void failedListensLeakNothing() throws Exception {
    Files.writeString(path(), "precious");
    assertThatThrownBy(() -> listen("")).isInstanceOf(ChannelException.class);
    Leaks leaks = Leaks.baseline(scratch);
    for (int i = 0; i < 20; i++) {
      assertThatThrownBy(() -> listen("")).isInstanceOf(ChannelException.class);
    }
    leaks.awaitNone();
  }

  @Test
  void bytesInFlightAreWhatTheSendBufferAllows() throws Exception {
    long small = inFlight("?send-buffer=32k");
    long large = inFlight("?send-buffer=1M");
    assertThat(large).isGreaterThan(4 * small);
  }

  /** What can be written before anybody reads. */
  private long inFlight(String settings) throws Exception {
    try (Listener listener = listen("");
        Dialer dialer = transport.dialer(Endpoint.parse("unix:" + path() + settings));
        Channel out = dialer.dial(soon());
        Channel in = listener.accept(soon())) {
      Task<Boolean> writing =
          Task.start(
              "write",
              () -> {
                while (true) {
                  out.write(ByteBuffer.allocateDirect(4096));
                }
              });
      writing.awaitBlocked();
      long written = out.stats().bytesWritten();
      out.abort(new IllegalStateException("Enough"));
      assertThat(writing.failure()).isInstanceOf(ChannelException.Aborted.class);
      assertThat(in.info().serial()).isPositive();
      return written;
    }
  }

  @Test
  void aFullQueueIsWaitedForUntilThereIsRoom() throws Exception {
    try (var queue = FullQueue.unix(path().toString());
        Dialer dialer = transport.dialer(Endpoint.parse("unix:" + path()))) {
      assertThatThrownBy(() -> dialer.dial(Deadline.after(Duration.ofMillis(30))))
          .isInstanceOf(ChannelException.TimedOut.class);
      Task<Channel> dialling = Task.start("dial", () -> dialer.dial(soon()));
      dialling.awaitBlocked();
      queue.acceptOne();
      dialling.result().close();
    }
  }
}
