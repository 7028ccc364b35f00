package dev.godwit.transport;

/**
 * A region of the peer as the target of puts. Got from {@link Peer#remote}; it needs no closing and
 * means nothing to another peer.
 */
public interface RemoteRegion {
  /** The name under which the peer registered it. */
  String name();
}
