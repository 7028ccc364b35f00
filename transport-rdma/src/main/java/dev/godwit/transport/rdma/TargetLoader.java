package dev.godwit.transport.rdma;

import dev.godwit.transport.rdma.wire.Control;

/** Asks the peer for keys of its regions, and gives them back. The answers come as frames. */
final class TargetLoader implements Ledger.Loader {
  private final RdmaPeer peer;

  TargetLoader(RdmaPeer peer) {
    this.peer = peer;
  }

  @Override
  public void load(Extent extent) {
    ask(extent);
  }

  @Override
  public void unload(Extent extent) {
    ask(extent);
  }

  /** Where no channel is left nothing is asked; {@link #askAgain} follows when one comes. */
  private void ask(Extent extent) {
    peer.send(
        extent.state == Extent.State.LEAVING
            ? new Control.Release(extent.area.id(), extent.offset, extent.length)
            : new Control.KeyRequest(extent.area.id(), extent.offset, extent.length));
  }

  /**
   * Asks once more for what no answer has come to, since a channel came or went with it. Asking
   * twice does no harm: the owner finds it registered, or gone.
   */
  static void askAgain(RdmaPeer peer) {
    TargetLoader loader = new TargetLoader(peer);
    peer.targets().unanswered().forEach(loader::ask);
  }
}
