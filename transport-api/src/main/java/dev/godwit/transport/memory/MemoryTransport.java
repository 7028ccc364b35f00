package dev.godwit.transport.memory;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Transport;
import java.util.Map;

/**
 * {@code mem:NAME}: both ends in this process, found by name.
 *
 * <p>With {@code placement=inline} put bytes are bytes of the stream. With {@code placement=direct}
 * a thread copies them at a random moment before the barrier, whatever was read by then, and every
 * get is held against the puts: what keeps the law of the seam works there, what breaks it can be
 * seen to go wrong.
 *
 * <p>Names are of the whole process, and each {@link java.util.ServiceLoader} makes its own
 * transport, so the one table of names is static: the single place in Godwit where that is so. It
 * holds listeners that are open and nothing else.
 */
public final class MemoryTransport implements Transport {
  private static final Rendezvous PROCESS = new Rendezvous();

  @Override
  public String scheme() {
    return "mem";
  }

  @Override
  public String description() {
    return "within this process, for tests and trials: mem:name, mem:name?placement=direct";
  }

  @Override
  public Availability availability() {
    return Availability.available();
  }

  /** Those of {@code placement=inline}; a channel with {@code placement=direct} says so itself. */
  @Override
  public Capabilities capabilities() {
    return new Capabilities(Placement.INLINE, Protection.LOCAL, true, true, true);
  }

  @Override
  public Map<String, String> settings() {
    return MemoryOptions.settings();
  }

  @Override
  public Dialer dialer(Endpoint target) {
    return new MemoryDialer(PROCESS, target, MemoryOptions.of(target));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    return MemoryListener.open(PROCESS, address, MemoryOptions.of(address));
  }
}
