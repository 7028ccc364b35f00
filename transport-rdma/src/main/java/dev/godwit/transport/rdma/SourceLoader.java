package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;

/** Registers parts of this side's regions to put from, in the thread that puts. */
final class SourceLoader implements Ledger.Loader {
  private final RdmaPeer peer;

  SourceLoader(RdmaPeer peer) {
    this.peer = peer;
  }

  @Override
  public void load(Extent extent) throws ChannelException {
    RdmaRegion region = peer.ownedBy(extent.area);
    Registration registration =
        peer.registered(region.part(extent.offset, extent.length), Domain.Rights.READ);
    extent.registered(registration.address(), registration.localKey(), registration);
    if (!peer.sources().loaded(extent)) {
      registration.close();
    }
  }

  @Override
  public void unload(Extent extent) throws ChannelException {
    Registration registration = extent.registration();
    if (registration != null) {
      registration.close();
    }
    peer.sources().left(extent);
  }
}
