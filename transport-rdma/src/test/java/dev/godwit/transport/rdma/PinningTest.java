package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Region;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole regions that are registered beside the channels, by a device that takes its time. */
@Timeout(60)
final class PinningTest {
  /** A device that registers when it is let. */
  private static final class SlowDomain implements Domain {
    final CountDownLatch asked = new CountDownLatch(1);
    final CountDownLatch let = new CountDownLatch(1);
    final AtomicLong registered = new AtomicLong();
    private final Domain device = new FakeFabric(1).domain();

    @Override
    public Registration register(MemorySegment memory, Rights rights) throws ChannelException {
      registered.incrementAndGet();
      asked.countDown();
      try {
        assertThat(let.await(20, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      return new Counted(device.register(memory, rights), 1, registered);
    }

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @EnumSource
  void aRegionIsClosedOnceNothingOfItIsRegistered(Access access) throws Exception {
    SlowDomain device = new SlowDomain();
    RdmaOptions options = RdmaOptions.of(Endpoint.parse("rdma:fake:1?pin-all=on"));
    RdmaPeer peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    peer.enter("device", () -> device);
    try (Arena arena = Arena.ofShared()) {
      Region region = peer.register("ram", arena.allocate(4096), access);
      assertThat(device.asked.await(20, TimeUnit.SECONDS)).isTrue();
      Task<Boolean> closing =
          Task.start(
              "close",
              () -> {
                region.close();
                return device.registered.get() == 0;
              });
      closing.awaitBlocked();
      device.let.countDown();
      assertThat(closing.result()).as("nothing is registered any more").isTrue();
    } finally {
      device.let.countDown();
      peer.exit();
    }
  }
}
