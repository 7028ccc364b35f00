package dev.godwit.transport.rdma;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Fixture;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Addresses of the device that {@code -Dgodwit.rdma.address} names. */
final class RdmaFixture implements Fixture {
  static final String ADDRESS = System.getProperty("godwit.rdma.address", "10.0.2.15");

  private final String settings;
  private @Nullable Listener stalled;

  RdmaFixture(String settings) {
    this.settings = settings;
  }

  @Override
  public Capabilities capabilities() {
    return RdmaTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse("rdma:" + ADDRESS + ":0?" + settings);
  }

  @Override
  public Endpoint target(Endpoint local) {
    return local.address().endsWith(":0") ? local.at(ADDRESS + ":1") : local;
  }

  @Override
  public Optional<Endpoint> stalledTarget() throws Exception {
    // Listens, and nobody accepts.
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
