package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;

/** What the channels of one dialer have in common: the twin peers of its two sides. */
final class Link {
  /** The two ends of one connection. */
  record Ends(MemoryChannel dialled, MemoryChannel accepted) {}

  private final Peer dialling = new StreamRegions();
  private final Peer accepting = new StreamRegions();

  static Link of(MemoryOptions options) {
    return new Link();
  }

  Peer dialling() {
    return dialling;
  }

  Ends connect(Endpoint target, MemoryOptions options, MemoryListener listener) {
    Lane there = new PipeLane(options.bufferBytes());
    Lane back = new PipeLane(listener.options().bufferBytes());
    return new Ends(
        new MemoryChannel(info(target, listener.local(), options, dialling), there, back, () -> {}),
        new MemoryChannel(
            info(listener.local(), target, listener.options(), accepting), back, there, () -> {}));
  }

  void abort(Throwable cause) {}

  private static ChannelInfo info(
      Endpoint local, Endpoint remote, MemoryOptions options, Peer peer) {
    return new ChannelInfo(
        ChannelLifecycle.nextSerial(),
        local,
        remote,
        new PeerIdentity.Unknown(),
        options.capabilities(),
        peer);
  }
}
