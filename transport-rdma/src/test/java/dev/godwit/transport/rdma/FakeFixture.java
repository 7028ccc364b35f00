package dev.godwit.transport.rdma;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Fixture;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Addresses of the fake fabric. */
final class FakeFixture implements Fixture {
  private static final AtomicInteger PORTS = new AtomicInteger(1000);

  private final String settings;
  private @Nullable Listener stalled;

  FakeFixture(String settings) {
    this.settings = settings;
  }

  @Override
  public Capabilities capabilities() {
    return RdmaTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse("rdma-fake:here:" + PORTS.incrementAndGet() + "?" + settings);
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
