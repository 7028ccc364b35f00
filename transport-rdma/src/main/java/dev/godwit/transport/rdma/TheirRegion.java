package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.RemoteRegion;

/** A region of the peer, as it made it known. */
final class TheirRegion implements RemoteRegion {
  private final RdmaPeer owner;
  private final Area area;
  private volatile boolean forgotten;

  TheirRegion(RdmaPeer owner, Area area) {
    this.owner = owner;
    this.area = area;
  }

  RdmaPeer owner() {
    return owner;
  }

  Area area() {
    return area;
  }

  int id() {
    return area.id();
  }

  long length() {
    return area.length();
  }

  @Override
  public String name() {
    return area.name();
  }

  void forget() {
    forgotten = true;
  }

  void requireOpen() throws ChannelException {
    if (forgotten) {
      throw new ChannelException.Violated("The peer has closed region " + area.name());
    }
  }
}
