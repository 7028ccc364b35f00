package dev.godwit.transport.exec;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transport;
import dev.godwit.transport.kernel.ChildProcess;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.Kernel;
import dev.godwit.transport.kernel.SingleListener;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.time.Duration;
import java.util.Map;

/**
 * {@code exec:command}, run by {@code /bin/sh -c} when its channel is dialled or accepted. What is
 * written goes to the command's standard input, and its standard output is what is read; nobody
 * knows where it takes the bytes, so it counts as unprotected.
 *
 * <p>The command runs in a process group of its own. An abort ends the group, first by SIGTERM and
 * soon by SIGKILL. An orderly close ends the command's input and waits for it to end, and its exit
 * status is the word on all that was written. What it left running in the background in good order
 * goes on.
 */
public final class ExecTransport implements Transport {
  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.UNKNOWN, false, true, true);

  private static final String EXIT_TIMEOUT = "exit-timeout";
  private static final Duration DEFAULT_EXIT_TIMEOUT = Duration.ofSeconds(60);
  private static final Map<String, String> SETTINGS =
      Map.of(
          EXIT_TIMEOUT,
          "how long close waits for the command to end after its input has ended, such as 60s (the"
              + " default)");

  @Override
  public String scheme() {
    return "exec";
  }

  @Override
  public String description() {
    return "The standard input and output of a shell command, as in exec:gzip > vm.gz";
  }

  @Override
  public Availability availability() {
    return Kernel.processAvailability();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    Duration exitTimeout = check(target);
    DescriptorDialer.Attempt attempt = (peer, waker, deadline) -> start(target, exitTimeout, peer);
    return new DescriptorDialer(target, attempt.once(target));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    Duration exitTimeout = check(address);
    return new SingleListener(
        address,
        new SingleListener.Source() {
          @Override
          public Channel open() throws ChannelException {
            return start(address, exitTimeout, new StreamRegions());
          }

          @Override
          public void discard() {
            // Nothing runs before it is accepted.
          }
        });
  }

  private static Channel start(Endpoint endpoint, Duration exitTimeout, Peer peer)
      throws ChannelException {
    ChildProcess child = ChildProcess.start(endpoint.address());
    Endpoint plain = endpoint.with(Settings.none());
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            plain,
            plain,
            new PeerIdentity.Unknown(),
            CAPABILITIES,
            peer);
    return DescriptorChannel.duplex(
        info, child.output(), child.input(), new ExecMedium(child, plain, exitTimeout));
  }

  private static Duration check(Endpoint endpoint) {
    endpoint.settings().requireKnown(endpoint.scheme(), SETTINGS.keySet());
    if (endpoint.address().isBlank()) {
      throw new EndpointException("'" + endpoint + "' has no command, write exec:command");
    }
    return endpoint.settings().duration(EXIT_TIMEOUT, DEFAULT_EXIT_TIMEOUT);
  }
}
