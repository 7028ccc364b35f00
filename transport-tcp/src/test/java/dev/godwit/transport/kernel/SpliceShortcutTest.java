package dev.godwit.transport.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Shortcut;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A shortcut carries what a read and a write would, and ends as they would. */
@Timeout(60)
final class SpliceShortcutTest {
  private static final String TCP = "tcp:127.0.0.1:0";
  private static final int ROUNDS = 10_000;
  private static final int MANY_BYTES = 8_000_003;

  /** More than all socket buffers and the pipe between two ends hold. */
  private static final int TOO_MANY_BYTES = 64 * 1024 * 1024;

  @TempDir private Path dir;
  private final Transports transports = Transports.load();
  private Leaks leaks;

  @BeforeEach
  void look() throws Exception {
    leaks = Leaks.baseline(dir);
  }

  @AfterEach
  void nothingIsLeft() {
    leaks.awaitNone();
  }

  private Pair pair(String scheme) throws ChannelException {
    return Pair.of(scheme.equals("unix") ? "unix:" + dir.resolve("s" + System.nanoTime()) : TCP);
  }

  private Shortcut between(Pair first, Pair second, int lastBytes) {
    return transports.shortcut(first.accepted(), second.dialled(), lastBytes).orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({"unix,tcp,0", "tcp,unix,0", "unix,unix,16", "tcp,tcp,16", "tcp,unix,60000"})
  void carriesEveryByteAndShowsTheLastOnes(String from, String to, int shown) throws Exception {
    Random random = Seed.of("carriesEveryByteAndShowsTheLastOnes").random();
    byte[] bytes = Io.bytes(random, MANY_BYTES);
    try (Pair first = pair(from);
        Pair second = pair(to)) {
      Task<Boolean> sending =
          Task.start(
              "send",
              () -> {
                for (int at = 0; at < bytes.length; ) {
                  int part = Math.min(bytes.length - at, random.nextInt(1, 700_000));
                  first.dialled().write(ByteBuffer.wrap(bytes, at, part));
                  at += part;
                }
                first.dialled().shutdownOutput();
                return true;
              });
      Task<byte[]> receiving = Task.start("receive", () -> Io.drain(second.accepted()));
      try (Shortcut shortcut = between(first, second, shown)) {
        long carried = 0;
        for (long taken = shortcut.take(); taken >= 0; taken = shortcut.take()) {
          carried += taken;
          byte[] seen = new byte[(int) Math.min(shown, taken)];
          assertThat(shortcut.last().remaining()).isEqualTo(seen.length);
          shortcut.last().duplicate().get(seen);
          int end = (int) carried;
          assertThat(seen).isEqualTo(Arrays.copyOfRange(bytes, end - seen.length, end));
          shortcut.give();
        }
        assertThat(carried).isEqualTo(bytes.length);
      }
      second.dialled().shutdownOutput();
      assertThat(sending.result()).isTrue();
      assertThat(receiving.result()).isEqualTo(bytes);
      assertThat(first.accepted().stats().bytesRead()).isEqualTo(bytes.length);
      assertThat(second.dialled().stats().bytesWritten()).isEqualTo(bytes.length);
    }
  }

  @ParameterizedTest
  @CsvSource({"unix,true", "unix,false", "tcp,true", "tcp,false"})
  void endsAWaitForBytes(String from, boolean abort) throws Exception {
    try (Pair first = pair(from);
        Pair second = pair("tcp");
        Shortcut shortcut = between(first, second, 16)) {
      Task<Long> taking = Task.start("take", shortcut::take);
      taking.awaitBlocked();
      end(first.accepted(), abort);
      assertThat(taking.failure()).isInstanceOf(ChannelException.Aborted.class);
    }
  }

  @ParameterizedTest
  @CsvSource({"unix,true", "unix,false", "tcp,true", "tcp,false"})
  void endsAWaitForRoom(String to, boolean abort) throws Exception {
    try (Pair first = pair("tcp");
        Pair second = pair(to);
        Shortcut shortcut = between(first, second, 16)) {
      Task<Boolean> sending = sendTooMuch(first.dialled());
      Task<Boolean> carrying = Task.start("carry", () -> carry(shortcut));
      carrying.awaitBlocked();
      end(second.dialled(), abort);
      assertThat(carrying.failure()).isInstanceOf(ChannelException.Aborted.class);
      first.accepted().abort(new ChannelException.Aborted("The test has ended", null));
      assertThat(sending.failure()).isInstanceOf(ChannelException.class);
    }
  }

  private static void end(Channel channel, boolean abort) throws ChannelException {
    if (abort) {
      channel.abort(new ChannelException.Aborted("The test ends it", null));
      return;
    }
    try {
      channel.close();
    } catch (ChannelException lossy) {
      // Allowed: bytes that were handed over may be lost.
    }
  }

  private static Task<Boolean> sendTooMuch(Channel channel) {
    return Task.start(
        "send",
        () -> {
          channel.write(ByteBuffer.allocateDirect(TOO_MANY_BYTES));
          return true;
        });
  }

  private static boolean carry(Shortcut shortcut) throws ChannelException {
    while (shortcut.take() >= 0) {
      shortcut.give();
    }
    return true;
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix", "tcp"})
  void seesALostSource(String from) throws Exception {
    try (Pair first = pair(from);
        Pair second = pair("tcp");
        Shortcut shortcut = between(first, second, 16)) {
      Task<Long> taking = Task.start("take", shortcut::take);
      taking.awaitBlocked();
      // With bytes unread there, the kernel tells a loss from an end.
      first.accepted().write(ByteBuffer.allocate(100));
      first.dialled().abort(new ChannelException.Aborted("The test breaks it", null));
      first.dialled().close();
      assertThat(taking.failure()).isInstanceOf(ChannelException.Lost.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix", "tcp"})
  void seesALostDestination(String to) throws Exception {
    try (Pair first = pair("tcp");
        Pair second = pair(to);
        Shortcut shortcut = between(first, second, 16)) {
      Task<Boolean> sending = sendTooMuch(first.dialled());
      Task<Boolean> carrying = Task.start("carry", () -> carry(shortcut));
      carrying.awaitBlocked();
      second.accepted().abort(new ChannelException.Aborted("The test breaks it", null));
      second.accepted().close();
      assertThat(carrying.failure()).isInstanceOf(ChannelException.Lost.class);
      first.accepted().abort(new ChannelException.Aborted("The test has ended", null));
      assertThat(sending.failure()).isInstanceOf(ChannelException.class);
    }
  }

  @Test
  void allocatesNothingOnceWarm() throws Exception {
    com.sun.management.ThreadMXBean beans =
        (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    ByteBuffer[] piece = {ByteBuffer.allocateDirect(4096)};
    try (Pair first = pair("unix");
        Pair second = pair("tcp");
        Shortcut shortcut = between(first, second, 16)) {
      // The compiler takes its time on a busy machine, so one clean batch is enough.
      Await.until(
          "a batch allocates nothing",
          () -> {
            long before = beans.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < ROUNDS; i++) {
              piece[0].clear();
              first.dialled().write(piece);
              shortcut.take();
              shortcut.give();
              piece[0].clear();
              while (piece[0].hasRemaining()) {
                second.accepted().read(piece[0]);
              }
            }
            return beans.getCurrentThreadAllocatedBytes() - before < ROUNDS;
          });
    }
  }

  @Test
  void isTakenStepByStep() throws Exception {
    try (Pair first = pair("tcp");
        Pair second = pair("tcp");
        Shortcut shortcut = between(first, second, 16)) {
      first.dialled().write(Pair.bytes("abc"));
      assertThat(shortcut.take()).isEqualTo(3);
      assertThatThrownBy(shortcut::take).isInstanceOf(IllegalStateException.class);
      shortcut.give();
      assertThat(Io.receive(second.accepted(), 3)).isEqualTo(new byte[] {'a', 'b', 'c'});
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp:127.0.0.1:0?fault=delay:1ms", "mem:shortcut"})
  void thereIsNoneThroughALayerOrAnotherTransport(String uri) throws Exception {
    try (Pair first = pair("tcp");
        Pair other = Pair.of(uri)) {
      assertThat(transports.shortcut(first.accepted(), other.accepted(), 0)).isEmpty();
      assertThat(transports.shortcut(other.accepted(), first.accepted(), 0)).isEmpty();
    }
  }

  @Test
  void thereIsNoneToACommand() throws Exception {
    try (Pair first = pair("tcp");
        Dialer dialer = transports.dialer(Endpoint.parse("exec:cat"));
        Channel other = dialer.dial(Deadline.after(Pair.PATIENCE))) {
      assertThat(transports.shortcut(first.accepted(), other, 0)).isEmpty();
      assertThat(transports.shortcut(other, first.accepted(), 0)).isEmpty();
    }
  }
}
