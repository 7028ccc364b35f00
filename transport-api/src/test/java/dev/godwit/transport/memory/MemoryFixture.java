package dev.godwit.transport.memory;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.contract.Fixture;
import java.util.UUID;

/** Names of this process that nobody else uses. */
record MemoryFixture(Placement placement) implements Fixture {
  @Override
  public Capabilities capabilities() {
    return new Capabilities(placement, Protection.LOCAL, true, true, true);
  }

  @Override
  public Endpoint address() {
    String how = placement == Placement.INLINE ? "inline" : "direct";
    return Endpoint.parse("mem:" + UUID.randomUUID() + "?placement=" + how);
  }
}
