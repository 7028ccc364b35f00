package dev.godwit.channel.session;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Fixture;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Addresses of {@link SessionTransport}. */
final class SessionFixture implements Fixture {
  private @Nullable Listener stalled;

  @Override
  public Capabilities capabilities() {
    return new SessionTransport().capabilities();
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse("session:" + UUID.randomUUID());
  }

  /** Links are made there, and nobody speaks. */
  @Override
  public Optional<Endpoint> stalledTarget() throws Exception {
    Endpoint address = address();
    stalled = Transports.load().listen(SessionTransport.beneath(address));
    return Optional.of(address);
  }

  @Override
  public void close() throws Exception {
    if (stalled != null) {
      stalled.close();
    }
  }
}
