package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;

/** A protection domain: what is registered in it serves all queue pairs made in it. */
interface Domain extends AutoCloseable {
  /**
   * Registers memory, which stays the caller's and must stay reachable until the registration is
   * closed.
   *
   * @throws ChannelException.Refused if the limit of locked memory does not allow it
   */
  Registration register(MemorySegment memory, Rights rights) throws ChannelException;

  /** Releases it once all that was made in it is closed. */
  @Override
  void close() throws ChannelException;

  /** Who may do what with registered memory. */
  enum Rights {
    /** This side's device reads it. */
    READ,
    /** This side's device writes into it what arrives. */
    RECEIVE,
    /** The peer writes into it. */
    REMOTE_WRITE
  }
}
