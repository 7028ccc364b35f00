package dev.godwit.transport;

import java.lang.foreign.MemorySegment;

/**
 * The other side of one migration. What is registered here serves all channels of that migration
 * and nobody else. Safe for use by many threads.
 */
public interface Peer {
  /**
   * Makes {@code memory}, which stays yours, usable by this migration's channels. Register in
   * block-table order.
   *
   * @param name 1 to 255 bytes of UTF-8, not registered now
   * @throws IllegalArgumentException if the name is registered already
   */
  Region register(String name, MemorySegment memory, Access access) throws ChannelException;

  /**
   * The peer's region of that name, once the peer has made it known; a stream provider answers at
   * once.
   *
   * @throws ChannelException.TimedOut if the peer has not registered it by then
   */
  RemoteRegion remote(String name, Deadline deadline) throws ChannelException;

  /** What registering has cost this side so far; also after regions and channels are closed. */
  default RegistrationStats registrations() {
    return RegistrationStats.none();
  }
}
