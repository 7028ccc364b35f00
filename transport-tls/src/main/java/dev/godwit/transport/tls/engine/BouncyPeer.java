package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;

/** One side's part of a handshake: what it holds, and what a failure means to it. */
interface BouncyPeer {
  /** Who the other side has proven to be. */
  PeerIdentity proven();

  /** The protocol both agreed upon, empty if none; once the handshake is done. */
  String application();

  /** What it means that this side ended the handshake with {@code alert}. */
  ChannelException failed(short alert);

  /** What it means that the other side ended the handshake with {@code alert}. */
  ChannelException refused(short alert);

  /** Destroys this side's copy of its key; idempotent. */
  void forget();
}
