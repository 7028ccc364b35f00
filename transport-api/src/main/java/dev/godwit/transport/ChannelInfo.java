package dev.godwit.transport;

/**
 * Facts of one channel that never change.
 *
 * @param serial unique in this process, for logs
 * @param local this end; the peer's end may not be nameable, then it is the address that was
 *     dialled or listened on
 * @param remote the other end as far as it can be named
 * @param identity who the other end is
 * @param capabilities what the channel costs and can carry, layers included
 * @param peer the migration's memory registrations
 */
public record ChannelInfo(
    long serial,
    Endpoint local,
    Endpoint remote,
    PeerIdentity identity,
    Capabilities capabilities,
    Peer peer) {

  /** The same facts with other capabilities, for a layer that changes what the channel costs. */
  public ChannelInfo with(Capabilities other) {
    return new ChannelInfo(serial, local, remote, identity, other, peer);
  }

  /** The same facts with another identity, for a layer that proves one. */
  public ChannelInfo with(PeerIdentity other) {
    return new ChannelInfo(serial, local, remote, other, capabilities, peer);
  }
}
