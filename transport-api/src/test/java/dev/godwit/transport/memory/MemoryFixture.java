package dev.godwit.transport.memory;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.Pair;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.UUID;

/** Names of this process that nobody else uses. */
final class MemoryFixture implements Fixture {
  private final Placement placement;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  MemoryFixture(Placement placement) {
    this.placement = placement;
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(placement, Protection.LOCAL, true, true, true);
  }

  @Override
  public Endpoint address() {
    String how = placement == Placement.INLINE ? "inline" : "direct";
    return Endpoint.parse("mem:" + UUID.randomUUID() + "?placement=" + how);
  }

  /** A listener whose backlog is full. */
  @Override
  public Optional<Endpoint> stalledTarget() throws Exception {
    MemoryTransport transport = new MemoryTransport();
    Endpoint address = address();
    Listener listener = transport.listen(address.with(address.settings().with("backlog", "1")));
    open.push(listener);
    try (Dialer dialer = transport.dialer(address)) {
      open.push(dialer.dial(Pair.soon()));
    }
    return Optional.of(address);
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable opened : open) {
      opened.close();
    }
  }
}
