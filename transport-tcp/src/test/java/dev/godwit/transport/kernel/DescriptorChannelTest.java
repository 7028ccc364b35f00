package dev.godwit.transport.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class DescriptorChannelTest {
  private static final int ROUNDS = 10_000;

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stopThreads() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
  }

  private interface Work {
    void run() throws Exception;
  }

  private CompletableFuture<Void> start(Work work) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            work.run();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        },
        threads);
  }

  @Test
  void gathersDirectAndHeapBuffersInOrder() throws Exception {
    Random random = new Random(1);
    byte[] expected = new byte[3_000_000];
    random.nextBytes(expected);
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      CompletableFuture<Void> writing =
          start(
              () -> {
                int at = 0;
                while (at < expected.length) {
                  ByteBuffer[] parts = new ByteBuffer[random.nextInt(1, 9)];
                  for (int i = 0; i < parts.length; i++) {
                    int length = Math.min(expected.length - at, random.nextInt(0, 200_000));
                    ByteBuffer buffer =
                        random.nextBoolean()
                            ? ByteBuffer.allocateDirect(length + 7)
                            : ByteBuffer.allocate(length + 7);
                    buffer.position(7).put(expected, at, length).position(7);
                    parts[i] = random.nextBoolean() ? buffer : buffer.asReadOnlyBuffer();
                    at += length;
                  }
                  pair.dialled().write(parts);
                  for (ByteBuffer part : parts) {
                    assertThat(part.hasRemaining()).isFalse();
                  }
                }
                pair.dialled().shutdownOutput();
              });
      ByteBuffer all = ByteBuffer.allocate(expected.length);
      while (all.hasRemaining()) {
        assertThat(pair.accepted().read(all)).isPositive();
      }
      assertThat(pair.accepted().read(ByteBuffer.allocate(1))).isEqualTo(-1);
      writing.get(20, TimeUnit.SECONDS);
      assertThat(all.array()).isEqualTo(expected);
      assertThat(pair.dialled().stats().bytesWritten()).isEqualTo(expected.length);
      assertThat(pair.accepted().stats().bytesRead()).isEqualTo(expected.length);
    }
  }

  @Test
  void manyTinyBuffersPassTheKernelsVectorLimit() throws Exception {
    ByteBuffer[] parts = new ByteBuffer[3 * CallFrame.MAX_VECTORS + 1];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = ByteBuffer.allocateDirect(1).put(0, (byte) i);
    }
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      pair.dialled().write(parts);
      ByteBuffer all = ByteBuffer.allocate(parts.length);
      while (all.hasRemaining()) {
        pair.accepted().read(all);
      }
      for (int i = 0; i < parts.length; i++) {
        assertThat(all.get(i)).isEqualTo((byte) i);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void putsAndGetsNativeAndHeapMemory(boolean direct) throws Exception {
    try (Pair pair = Pair.of("tcp:127.0.0.1:0");
        Arena arena = Arena.ofShared()) {
      int size = 20_000_000;
      MemorySegment from = direct ? arena.allocate(size) : MemorySegment.ofArray(new byte[size]);
      MemorySegment to = direct ? MemorySegment.ofArray(new byte[size]) : arena.allocate(size);
      for (long i = 0; i < size; i += 8) {
        from.set(ValueLayout.JAVA_LONG_UNALIGNED, i, i * 0x9E3779B97F4A7C15L);
      }
      Region source = pair.dialled().info().peer().register("ram", from, Access.LOCAL);
      Region target = pair.accepted().info().peer().register("ram", to, Access.REMOTE_WRITE);
      RemoteRegion remote = pair.dialled().info().peer().remote("ram", Deadline.never());
      CompletableFuture<Void> putting =
          start(() -> pair.dialled().put(source, 5, remote, 5, size - 5));
      pair.accepted().get(target, 5, 1_000_001);
      pair.accepted().get(target, 1_000_006, size - 1_000_006);
      putting.get(20, TimeUnit.SECONDS);
      assertThat(from.asSlice(5).mismatch(to.asSlice(5))).isEqualTo(-1);
      assertThat(pair.dialled().stats().bytesPut()).isEqualTo(size - 5);
      assertThat(pair.accepted().stats().bytesGot()).isEqualTo(size - 5);
    }
  }

  @Test
  void refusesWhatItCannotTouch() throws Exception {
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      MemorySegment freed;
      ByteBuffer dangling;
      try (Arena arena = Arena.ofShared()) {
        freed = arena.allocate(16);
        dangling = freed.asByteBuffer();
      }
      Region region = pair.dialled().info().peer().register("ram", freed, Access.LOCAL);
      RemoteRegion remote = pair.dialled().info().peer().remote("ram", Deadline.never());
      assertThatThrownBy(() -> pair.dialled().put(region, 0, remote, 0, 16))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> pair.dialled().get(region, 0, 16))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> pair.dialled().write(dangling))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> pair.dialled().put(region, 1, remote, 0, 16))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> pair.dialled().put(region, 0, remote, -1, 16))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> pair.dialled().read(ByteBuffer.allocate(0)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> pair.dialled().read(ByteBuffer.allocate(1).asReadOnlyBuffer()))
          .isInstanceOf(ReadOnlyBufferException.class);
      assertThat(pair.dialled().stats().bytesWritten() + pair.dialled().stats().bytesPut())
          .isZero();
    }
  }

  @Test
  void allocatesNothingOnceWarm() throws Exception {
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      CompletableFuture<Void> echoing =
          start(
              () -> {
                ByteBuffer buffer = ByteBuffer.allocateDirect(65536);
                while (pair.accepted().read(buffer) >= 0) {
                  pair.accepted().write(buffer.flip());
                  buffer.clear();
                }
                pair.accepted().shutdownOutput();
              });
      ByteBuffer[] buffer = {ByteBuffer.allocateDirect(65536)};
      com.sun.management.ThreadMXBean beans =
          (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
      // The compiler takes its time on a busy machine, so one clean batch is enough.
      Await.until(
          "a batch allocates nothing",
          () -> {
            long before = beans.getCurrentThreadAllocatedBytes();
            roundTrips(pair.dialled(), buffer, ROUNDS);
            return beans.getCurrentThreadAllocatedBytes() - before < ROUNDS;
          });
      pair.dialled().shutdownOutput();
      echoing.get(20, TimeUnit.SECONDS);
    }
  }

  private static void roundTrips(Channel channel, ByteBuffer[] buffer, int rounds)
      throws ChannelException {
    for (int i = 0; i < rounds; i++) {
      buffer[0].clear().limit(64);
      channel.write(buffer);
      buffer[0].clear().limit(64);
      while (buffer[0].hasRemaining()) {
        channel.read(buffer[0]);
      }
    }
  }

  @Test
  void aClosedNumberIsNeverUsedAgain() throws Exception {
    // Descriptors come and go while others are aborted under their readers and writers: a call
    // that hit a reused number would see foreign bytes or break a stranger.
    for (int round = 0; round < 30; round++) {
      try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
        Channel channel = pair.dialled();
        CompletableFuture<Void> reading =
            start(
                () ->
                    assertThatThrownBy(() -> channel.read(ByteBuffer.allocateDirect(100)))
                        .isInstanceOf(ChannelException.Aborted.class));
        CompletableFuture<Void> writing =
            start(
                () ->
                    assertThatThrownBy(() -> writeForEver(channel))
                        .isInstanceOf(ChannelException.Aborted.class));
        start(() -> channel.abort(new IOException("Enough"))).get(20, TimeUnit.SECONDS);
        try (Pair stranger = Pair.of("tcp:127.0.0.1:0")) {
          stranger.dialled().write(Pair.bytes("mine"));
          ByteBuffer mine = ByteBuffer.allocate(4);
          while (mine.hasRemaining()) {
            stranger.accepted().read(mine);
          }
          assertThat(mine.flip()).isEqualTo(Pair.bytes("mine"));
        }
        reading.get(20, TimeUnit.SECONDS);
        writing.get(20, TimeUnit.SECONDS);
      }
    }
  }

  private static void writeForEver(Channel channel) throws ChannelException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    while (true) {
      channel.write(buffer.clear());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anAbortedTcpPeerIsLost(boolean writing) throws Exception {
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      CompletableFuture<Void> blocked =
          start(
              () ->
                  assertThatThrownBy(
                          () -> {
                            if (writing) {
                              writeForEver(pair.dialled());
                            } else {
                              pair.dialled().read(ByteBuffer.allocate(1));
                            }
                          })
                      .isInstanceOf(ChannelException.Aborted.class));
      ByteBuffer one = ByteBuffer.allocateDirect(1);
      if (writing) {
        assertThat(pair.accepted().read(one)).isEqualTo(1);
      }
      pair.dialled().abort(new IOException("Enough"));
      blocked.get(20, TimeUnit.SECONDS);
      ByteBuffer rest = ByteBuffer.allocateDirect(1 << 20);
      assertThatThrownBy(
              () -> {
                while (pair.accepted().read(rest.clear()) >= 0) {
                  // What arrived before the abort may be read.
                }
              })
          .isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void closeOverUnreadInputLosesNoOutput() throws Exception {
    try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
      pair.accepted().write(ByteBuffer.allocate(100_000));
      pair.dialled().read(ByteBuffer.allocate(1));
      pair.dialled().write(Pair.bytes("the last words"));
      pair.dialled().close();
      assertThat(Pair.readAll(pair.accepted())).isEqualTo("the last words");
    }
  }

  @Test
  void leavesNoDescriptorAndNoThreadBehind() throws Exception {
    Pair.of("tcp:127.0.0.1:0").close();
    long descriptors = descriptors();
    for (int i = 0; i < 20; i++) {
      try (Pair pair = Pair.of("tcp:127.0.0.1:0")) {
        pair.dialled().write(Pair.bytes("x"));
        if (i % 2 == 0) {
          pair.accepted().abort(new IOException("Enough"));
        }
      } catch (ChannelException.Lost e) {
        // The dialling end may hear at its close that its byte was not wanted.
      }
    }
    assertThat(descriptors()).isEqualTo(descriptors);
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> thread.getName().startsWith("godwit"));
  }

  @Test
  void virtualThreadsThatWaitLeaveTheirCarriersFree() throws Exception {
    int many = 3 * Runtime.getRuntime().availableProcessors() + 1;
    Pair[] pairs = new Pair[many];
    CompletableFuture<?>[] readers = new CompletableFuture<?>[many];
    try (ExecutorService virtual = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < many; i++) {
        Pair pair = Pair.of("tcp:127.0.0.1:0");
        pairs[i] = pair;
        readers[i] =
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return Pair.readAll(pair.accepted());
                  } catch (ChannelException e) {
                    throw new IllegalStateException(e);
                  }
                },
                virtual);
      }
      CompletableFuture.runAsync(() -> {}, virtual).get(20, TimeUnit.SECONDS);
      for (Pair pair : pairs) {
        pair.dialled().write(Pair.bytes("hello"));
        pair.dialled().shutdownOutput();
      }
      for (CompletableFuture<?> reader : readers) {
        assertThat(reader.get(20, TimeUnit.SECONDS)).isEqualTo("hello");
      }
    }
    for (Pair pair : pairs) {
      pair.close();
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }
}
