package dev.godwit.transport.tcp;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.kernel.FullQueue;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Loopback ports that the system chooses. */
final class TcpFixture implements Fixture {
  private final String host;
  private final List<FullQueue> queues = new ArrayList<>();

  TcpFixture(String host) {
    this.host = host;
  }

  @Override
  public Capabilities capabilities() {
    return TcpTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse("tcp:" + host + ":0");
  }

  @Override
  public Optional<Endpoint> stalledTarget() {
    FullQueue queue = FullQueue.tcp();
    queues.add(queue);
    return Optional.of(Endpoint.parse("tcp:127.0.0.1:" + queue.port()));
  }

  @Override
  public void close() {
    queues.forEach(FullQueue::close);
  }
}
