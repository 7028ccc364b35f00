package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.support.Monitor;
import org.jspecify.annotations.Nullable;

/**
 * What a peer says on any channel about regions and keys, and what is answered. Called with that
 * channel's monitor held, so whatever takes long is left to the registrar.
 */
final class Answers {
  private final RdmaPeer peer;
  private final Monitor monitor;
  private final TheirRegions theirs;
  private final Exports exports;

  /**
   * @param monitor guards {@code theirs}
   */
  Answers(RdmaPeer peer, Monitor monitor, TheirRegions theirs, Exports exports) {
    this.peer = peer;
    this.monitor = monitor;
    this.theirs = theirs;
    this.exports = exports;
  }

  void advertised(Control.Advertise frame) throws ChannelException {
    TheirRegion replaced;
    monitor.lock();
    try {
      replaced = theirs.add(frame);
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    drop(replaced);
  }

  /** Lets go of what is known of a region that is no more. */
  private void drop(@Nullable TheirRegion region) {
    if (region != null) {
      peer.targets().close(region.area());
      peer.targets().drop(region.area());
    }
  }

  void keys(Control.Keys frame) throws ChannelException {
    TheirRegion region = their(frame.region());
    if (region != null) {
      TheirRegions.keys(peer.targets(), region.area(), frame);
    }
  }

  void left(Control.Released frame) throws ChannelException {
    TheirRegion region = their(frame.region());
    Extent extent =
        region == null ? null : peer.targets().find(region.area(), frame.offset(), frame.length());
    if (extent != null && extent.state == Extent.State.LEAVING) {
      peer.targets().left(extent);
    }
  }

  void forgotten(int id) throws ChannelException {
    TheirRegion region;
    monitor.lock();
    try {
      region = theirs.forget(id);
    } finally {
      monitor.unlock();
    }
    drop(region);
  }

  private @Nullable TheirRegion their(int id) throws ChannelException {
    monitor.lock();
    try {
      return theirs.find(id);
    } finally {
      monitor.unlock();
    }
  }

  /** The peer wants the key of a part; the answer goes to {@code channel}. */
  void requested(Control.KeyRequest request, RdmaChannel channel) throws ChannelException {
    RdmaRegion region = exports.named(request.region());
    later(
        channel,
        () -> {
          RdmaRegion.Export export = region.export(request.offset(), request.length());
          // The news that it is closed may have found no channel.
          channel.mail(export == null ? new Control.Forget(request.region()) : region.keys(export));
        });
  }

  /** The peer needs a key no more. */
  void released(Control.Release release, RdmaChannel channel) throws ChannelException {
    RdmaRegion region = exports.named(release.region());
    later(
        channel,
        () -> {
          region.unexport(release.offset(), release.length());
          channel.mail(new Control.Released(release.region(), release.offset(), release.length()));
        });
  }

  /** Work for the registrar; its failure ends the channel that asked. */
  private interface Chore {
    void run() throws ChannelException;
  }

  private void later(RdmaChannel channel, Chore chore) throws ChannelException {
    boolean taken =
        peer.registrar()
            .execute(
                () -> {
                  try {
                    chore.run();
                  } catch (ChannelException e) {
                    channel.fail(e);
                  }
                });
    if (!taken) {
      throw new ChannelException.Violated("The peer asks for keys faster than they can be made");
    }
  }
}
