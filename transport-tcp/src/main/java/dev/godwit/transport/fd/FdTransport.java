package dev.godwit.transport.fd;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Transport;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.Kernel;
import dev.godwit.transport.kernel.SingleListener;
import dev.godwit.transport.kernel.SocketListener;
import dev.godwit.transport.kernel.Waker;
import dev.godwit.transport.support.StreamRegions;
import java.util.Map;
import java.util.Set;

/**
 * {@code fd:number} or {@code fd:name}: a stream socket, a pipe or a file that this process
 * inherited, or a listening socket to accept from. It is taken over once, and closed with its
 * channel.
 *
 * <p>A pipe or a file goes one way, the one it was opened for. The capabilities here are those of a
 * connected socket of unknown family; each channel declares its own.
 */
public final class FdTransport implements Transport {
  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.UNKNOWN, false, true, true);

  @Override
  public String scheme() {
    return "fd";
  }

  @Override
  public String description() {
    return "A descriptor this process inherited, as in fd:3, or by systemd's name as in"
        + " fd:migration";
  }

  @Override
  public Availability availability() {
    return Kernel.availability();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    int number = check(target);
    DescriptorDialer.Attempt attempt =
        (peer, waker, deadline) -> Inherited.take(target, number, false).channel(peer);
    return new DescriptorDialer(target, attempt.once(target));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    Inherited inherited = Inherited.take(address, check(address), true);
    boolean done = false;
    try {
      Listener listener = inherited.listening() ? accepting(inherited) : single(inherited);
      done = true;
      return listener;
    } finally {
      if (!done) {
        inherited.close();
      }
    }
  }

  private static Listener accepting(Inherited inherited) throws ChannelException {
    return new SocketListener(
        inherited.endpoint(),
        inherited.descriptor(),
        Waker.open(),
        socket -> Inherited.channel(inherited.endpoint(), socket, true, new StreamRegions()),
        () -> {});
  }

  private static Listener single(Inherited inherited) throws ChannelException {
    return new SingleListener(
        inherited.endpoint(),
        new SingleListener.Source() {
          @Override
          public Channel open() throws ChannelException {
            return inherited.channel(new StreamRegions());
          }

          @Override
          public void discard() {
            inherited.close();
          }
        });
  }

  private static int check(Endpoint endpoint) {
    endpoint.settings().requireKnown(endpoint.scheme(), Set.of());
    return ActivatedNames.ofThisProcess().number(endpoint);
  }
}
