package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a user does wrong is refused in Java: the device sends no packet for it. */
@Tag("softroce")
@Timeout(value = 150, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsMisuseTest {
  private static final int SIZE = 1 << 20;

  /** No probes: every packet is then somebody's doing. */
  private static final Endpoint HERE =
      Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0?liveness=0s");

  private final RdmaTransport transport = new RdmaTransport();
  private final Arena arena = Arena.ofShared();
  private Listener listener;
  private Dialer dialer;
  private Channel out;
  private Channel in;
  private Region src;
  private Region dst;
  private RemoteRegion there;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  @BeforeEach
  void connect() throws Exception {
    listener = transport.listen(HERE);
    dialer = transport.dialer(listener.local());
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    out = dialer.dial(soon());
    in = accepting.result();
    src = dialer.peer().register("ram", arena.allocate(SIZE), Access.LOCAL);
    dst = in.info().peer().register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE);
    there = dialer.peer().remote("ram", soon());
    work();
  }

  @AfterEach
  void end() throws Exception {
    out.abort(new IllegalStateException("The test is over"));
    in.abort(new IllegalStateException("The test is over"));
    out.close();
    in.close();
    src.close();
    dst.close();
    dialer.close();
    listener.close();
    arena.close();
  }

  /** Both ends have nothing left to say after that. */
  private void work() throws Exception {
    Task<Boolean> barrier =
        Task.start(
            "barrier",
            () -> {
              in.get(dst, 0, 100);
              in.barrier();
              return true;
            });
    out.put(src, 0, there, 0, 100);
    out.barrier();
    assertThat(barrier.result()).isTrue();
    long[] last = {-1};
    int[] same = {0};
    Await.until(
        "the device is quiet",
        () -> {
          long now = DeviceCounts.sentPackets();
          same[0] = now == last[0] ? same[0] + 1 : 0;
          last[0] = now;
          return same[0] >= 50;
        });
  }

  private static void assertRefused(Class<? extends Throwable> with, ThrowingCallable... calls)
      throws Exception {
    long before = DeviceCounts.sentPackets();
    for (ThrowingCallable call : calls) {
      assertThatThrownBy(call).isInstanceOf(with);
    }
    assertThat(DeviceCounts.sentPackets()).as("packets sent").isEqualTo(before);
  }

  @Test
  void whatIsOutsideOfARegionIsRefused() throws Exception {
    assertRefused(
        IndexOutOfBoundsException.class,
        () -> out.put(src, 0, there, 0, SIZE + 1),
        () -> out.put(src, 1, there, 0, SIZE),
        () -> out.put(src, 0, there, 1, SIZE),
        () -> out.put(src, -1, there, 0, 8),
        () -> out.put(src, 0, there, -1, 8),
        () -> out.put(src, 0, there, 0, -1),
        () -> out.put(src, Long.MAX_VALUE, there, 0, 8),
        () -> out.put(src, 0, there, Long.MAX_VALUE, 8),
        () -> out.put(src, 8, there, 8, Long.MAX_VALUE),
        () -> out.put(src, Long.MAX_VALUE, there, Long.MAX_VALUE, Long.MAX_VALUE),
        () -> in.get(dst, SIZE, 1),
        () -> in.get(dst, Long.MAX_VALUE, Long.MAX_VALUE));
    work();
  }

  @Test
  void aRegionOfAnotherPeerIsRefused() throws Exception {
    try (Dialer other = transport.dialer(listener.local());
        Region foreign = other.peer().register("ram", arena.allocate(SIZE), Access.LOCAL)) {
      assertRefused(
          IllegalArgumentException.class,
          () -> out.put(foreign, 0, there, 0, 8),
          () -> out.put(dst, 0, there, 0, 8),
          () -> in.put(src, 0, there, 0, 8),
          () -> in.put(dst, 0, there, 0, 8),
          () -> in.get(foreign, 0, 8),
          () -> in.get(src, 0, 8));
    }
    work();
  }

  @Test
  void aClosedRegionIsRefused() throws Exception {
    MemorySegment memory = arena.allocate(SIZE);
    Region closed = dialer.peer().register("closed", memory, Access.LOCAL);
    out.put(closed, 0, there, 0, 8);
    out.flush();
    in.get(dst, 0, 8);
    closed.close();
    work();
    assertRefused(
        IllegalStateException.class,
        () -> out.put(closed, 0, there, 0, 8),
        () -> in.get(gone("other"), 0, 8),
        closed::memory);
    work();
  }

  private Region gone(String name) throws ChannelException {
    Region region = in.info().peer().register(name, arena.allocate(SIZE), Access.LOCAL);
    region.close();
    return region;
  }

  @Test
  void aClosedChannelIsRefused() throws Exception {
    out.shutdownOutput();
    assertThat(in.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    out.close();
    assertRefused(
        ChannelException.class,
        () -> out.put(src, 0, there, 0, 8),
        () -> out.write(ByteBuffer.allocate(8)),
        () -> out.read(ByteBuffer.allocate(8)),
        () -> out.flush(),
        () -> out.settle(),
        () -> out.barrier());
  }

  @Test
  void memoryThatADeviceCannotReachIsRefused() throws Exception {
    try (Arena confined = Arena.ofConfined()) {
      assertRefused(
          IllegalArgumentException.class,
          () -> register(MemorySegment.ofArray(new byte[100])),
          () -> register(confined.allocate(100)),
          () -> dialer.peer().register("ram", arena.allocate(100), Access.LOCAL));
    }
    work();
  }

  private void register(MemorySegment memory) throws ChannelException {
    dialer.peer().register("other", memory, Access.LOCAL);
  }
}
