package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;

/** Memory that the device may access, until it is closed. */
interface Registration extends AutoCloseable {
  /** Where it begins, as the device and the peer address it. */
  long address();

  /** For work requests of this side. */
  int localKey();

  /** For work requests of the peer. */
  int remoteKey();

  /** Takes all access away before it returns; idempotent. */
  @Override
  void close() throws ChannelException;
}
