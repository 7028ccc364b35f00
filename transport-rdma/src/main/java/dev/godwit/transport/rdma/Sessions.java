package dev.godwit.transport.rdma;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/** The peers of a listener: all channels of one session have the same. Safe for many threads. */
final class Sessions {
  private final RdmaOptions options;
  private final Map<UUID, RdmaPeer> peers = new HashMap<>();

  Sessions(RdmaOptions options) {
    this.options = options;
  }

  /** The peer of a session; it is forgotten with its last channel and region. */
  synchronized RdmaPeer peer(UUID session) {
    return peers.computeIfAbsent(session, s -> new RdmaPeer(s, options, () -> forget(s)));
  }

  private synchronized void forget(UUID session) {
    peers.remove(session);
  }
}
