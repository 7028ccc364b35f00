package dev.godwit.transport.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.kernel.Pair;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(90)
final class ExecTransportTest {
  @TempDir private Path scratch = Path.of("");
  private final ExecTransport transport = new ExecTransport();

  private Channel dial(String command) throws ChannelException {
    try (Dialer dialer = transport.dialer(Endpoint.parse("exec:" + command))) {
      return dialer.dial(Deadline.after(Pair.PATIENCE));
    }
  }

  private Channel accept(String command) throws ChannelException {
    try (Listener listener = transport.listen(Endpoint.parse("exec:" + command))) {
      return listener.accept(Deadline.after(Pair.PATIENCE));
    }
  }

  private static List<ProcessHandle> children() {
    return ProcessHandle.current().children().toList();
  }

  private static void awaitNoChildren() {
    Await.until("no child is left", () -> children().isEmpty(), () -> children().toString());
  }

  @Test
  void writesToACommandAndWaitsForItsEnd() throws Exception {
    Path file = scratch.resolve("out");
    Channel channel = dial("sleep 0.2; cat > " + file);
    channel.write(Pair.bytes("saved"));
    channel.close();
    assertThat(file).hasContent("saved");
    awaitNoChildren();
  }

  @Test
  void readsACommandToItsEnd() throws Exception {
    try (Channel channel = accept("printf restored")) {
      assertThat(Pair.readAll(channel)).isEqualTo("restored");
      assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
    awaitNoChildren();
  }

  @Test
  void goesBothWays() throws Exception {
    try (Channel channel = dial("tr a-z A-Z")) {
      channel.write(Pair.bytes("there and back"));
      channel.shutdownOutput();
      assertThat(Pair.readAll(channel)).isEqualTo("THERE AND BACK");
    }
  }

  @Test
  void commasAndQuestionMarksAreTheCommands() throws Exception {
    try (Channel channel = accept("printf %s a,b,c?d ; :")) {
      assertThat(Pair.readAll(channel)).isEqualTo("a,b,c?d");
    }
  }

  @Test
  void aFullDiskIsAnErrorOfClose() throws Exception {
    Channel channel = dial("cat > /dev/full");
    try {
      channel.write(Pair.bytes("lost"));
      assertThatThrownBy(channel::close)
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("exec:cat > /dev/full")
          .hasMessageContaining("status 1")
          .hasMessageContaining("No space left on device");
    } finally {
      channel.close();
    }
  }

  @Test
  void aCommandThatDiesUnderTheWriterIsNamed() throws Exception {
    try (Channel channel = dial("echo it broke >&2; exit 3")) {
      assertThatThrownBy(() -> writeForEver(channel))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("status 3")
          .hasMessageContaining("it broke");
    }
  }

  @Test
  void aCommandThatIsKilledIsNamed() throws Exception {
    try (Channel channel = accept("kill -9 $$")) {
      assertThatThrownBy(() -> Pair.readAll(channel))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("killed by signal 9");
    }
  }

  @Test
  void aCommandThatDoesNotExistIsNamed() throws Exception {
    try (Channel channel = accept("no-such-command-here")) {
      assertThatThrownBy(() -> Pair.readAll(channel))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("status 127")
          .hasMessageContaining("not found");
    }
  }

  @Test
  void bytesBeforeAFailureAreReadFirst() throws Exception {
    try (Channel channel = accept("printf part; echo then it failed >&2; exit 1")) {
      ByteBuffer part = ByteBuffer.allocate(4);
      while (part.hasRemaining()) {
        assertThat(channel.read(part)).isPositive();
      }
      assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("then it failed");
    }
  }

  @Test
  void onlyTheLastWordsAreKeptHoweverMuchIsSaid() throws Exception {
    try (Channel channel = accept("seq 1 300000 >&2; printf '\\033[31mlast\\n' >&2; exit 1")) {
      assertThatThrownBy(() -> Pair.readAll(channel))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("299999 | 300000 | [31mlast")
          .hasMessageNotContaining("299990")
          .hasMessageNotContaining("\u001b");
    }
  }

  @Test
  void abortKillsEvenWhatIgnoresIt() throws Exception {
    Path started = scratch.resolve("started");
    Channel channel = accept("trap '' TERM; (sleep 1000) & touch " + started + "; sleep 1000; :");
    Task<Integer> blocked = Task.start("read", () -> channel.read(ByteBuffer.allocate(1)));
    Await.until("the command runs", () -> Files.exists(started));
    IllegalStateException reason = new IllegalStateException("Enough");
    channel.abort(reason);
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    channel.close();
    awaitNoChildren();
    Await.until(
        "the group is gone",
        () ->
            ProcessHandle.allProcesses()
                .noneMatch(p -> p.info().commandLine().orElse("").equals("sleep 1000")));
  }

  @Test
  void aCommandThatNeverEndsIsEndedAtClose() throws Exception {
    Channel channel = dial("cat > /dev/null; sleep 1000?exit-timeout=200ms");
    channel.write(Pair.bytes("x"));
    assertThatThrownBy(channel::close)
        .isInstanceOf(ChannelException.TimedOut.class)
        .hasMessageContaining("ended by force");
    awaitNoChildren();
  }

  @Test
  void closeReadsWhatTheCommandStillSays() throws Exception {
    // More than a pipe holds: a command that waits for a reader would never end.
    Path file = scratch.resolve("out");
    Channel channel = dial("seq 1 100000; cat > " + file);
    channel.write(Pair.bytes("saved"));
    channel.close();
    assertThat(file).hasContent("saved");
  }

  @Test
  void aReaderMayStopEarly() throws Exception {
    Channel channel = accept("yes");
    assertThat(channel.read(ByteBuffer.allocate(10))).isPositive();
    channel.close();
    awaitNoChildren();
  }

  @Test
  void theCommandGetsThreeDescriptorsAndDefaultSignals() throws Exception {
    try (Channel channel =
        accept("ls /proc/self/fd | grep -c . ; grep -E 'Sig(Blk|Ign)' /proc/self/status")) {
      // 0, 1, 2 and the directory that ls reads; no signal blocked, SIGPIPE (bit 12) not ignored.
      List<String> lines = Pair.readAll(channel).lines().toList();
      assertThat(lines.get(0)).isEqualTo("4");
      assertThat(lines.get(1)).isEqualTo("SigBlk:\t0000000000000000");
      long ignored = Long.parseLong(lines.get(2).split("\t")[1], 16);
      assertThat(ignored & (1 << 12)).isZero();
    }
  }

  @Test
  void theCommandHasThisProcessesEnvironment() throws Exception {
    try (Channel channel = accept("printf %s \"$PATH\"")) {
      assertThat(Pair.readAll(channel)).isEqualTo(System.getenv("PATH"));
    }
  }

  @Test
  void nothingLeaks() throws Exception {
    accept("true").close();
    Leaks leaks = Leaks.baseline(scratch);
    for (int i = 0; i < 5; i++) {
      try (Channel channel = accept("echo x; echo y >&2")) {
        assertThat(Pair.readAll(channel)).isEqualTo("x\n");
      }
      Channel full = dial("cat > /dev/full");
      full.write(Pair.bytes("x"));
      assertThatThrownBy(full::close).isInstanceOf(ChannelException.class);
      Channel aborted = dial("cat");
      aborted.abort(new IOException("Enough"));
      aborted.close();
    }
    leaks.awaitNone();
    awaitNoChildren();
  }

  @Test
  void anAddressCarriesOneChannel() throws Exception {
    try (Listener listener = transport.listen(Endpoint.parse("exec:true"))) {
      listener.accept(Deadline.after(Pair.PATIENCE)).close();
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))))
          .isInstanceOf(ChannelException.TimedOut.class);
      Task<Channel> again =
          Task.start("accept", () -> listener.accept(Deadline.after(Pair.PATIENCE)));
      again.awaitBlocked();
      listener.abort(new IllegalStateException("Enough"));
      assertThat(again.failure()).isInstanceOf(ChannelException.Aborted.class);
    }
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse("exec:")))
        .isInstanceOf(EndpointException.class);
  }

  private static void writeForEver(Channel channel) throws ChannelException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(65536);
    while (true) {
      channel.write(buffer.clear());
    }
  }
}
