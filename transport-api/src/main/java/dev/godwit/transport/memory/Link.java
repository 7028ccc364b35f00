package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.ChannelLifecycle;

/** What the channels of one dialer have in common: the twin peers of its two sides. */
sealed interface Link permits InlineLink, DirectLink {
  /** The two ends of one connection. */
  record Ends(MemoryChannel dialled, MemoryChannel accepted) {}

  static Link of(MemoryOptions options) {
    return options.placement() == Placement.INLINE ? new InlineLink() : new DirectLink();
  }

  /** The peer as the dialling side sees it. */
  Peer dialling();

  /** One more connection to a listener that has room for it. */
  Ends connect(Endpoint target, MemoryOptions options, MemoryListener listener);

  /** Ends what waits at the dialling side's peer. */
  void abort(Throwable cause);

  /** The facts of one end. */
  static ChannelInfo info(Endpoint local, Endpoint remote, MemoryOptions options, Peer peer) {
    return new ChannelInfo(
        ChannelLifecycle.nextSerial(),
        options.withSeed(local),
        remote,
        new PeerIdentity.Unknown(),
        options.capabilities(),
        peer);
  }
}
