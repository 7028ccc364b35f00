package dev.godwit.transport.rdma;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Fixture;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Addresses of {@link FakeQemuTransport}, with a return path or without one. */
final class FakeQemuFixture implements Fixture {
  private static final AtomicInteger PORTS = new AtomicInteger(1000);

  private final boolean bothWays;
  private @Nullable Listener stalled;

  FakeQemuFixture(boolean bothWays) {
    this.bothWays = bothWays;
  }

  @Override
  public Capabilities capabilities() {
    return bothWays ? RdmaTransport.QEMU_BOTH_WAYS : RdmaTransport.QEMU;
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse(
        (bothWays ? "rdma-fake-qemu" : "rdma-fake-qemu-out")
            + ":here:"
            + PORTS.incrementAndGet()
            + "?slots=8&liveness=100ms");
  }

  /** QEMU has no word for it: the stream says itself where it ends. */
  @Override
  public boolean tellsOutputsEnd() {
    return false;
  }

  @Override
  public boolean placesBetweenWrites() {
    return false;
  }

  @Override
  public Optional<Endpoint> stalledTarget() throws Exception {
    Listener listener = Transports.load().listen(address());
    stalled = listener;
    return Optional.of(listener.local());
  }

  @Override
  public void close() throws Exception {
    if (stalled != null) {
      stalled.close();
    }
  }
}
