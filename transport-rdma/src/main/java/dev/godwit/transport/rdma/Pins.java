package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import java.util.concurrent.atomic.AtomicLong;

/** The regions that are registered whole, before anything is put ({@code pin-all=on}). */
final class Pins {
  private final RdmaPeer peer;
  private final RdmaOptions options;
  private final AtomicLong bytes = new AtomicLong();

  Pins(RdmaPeer peer, RdmaOptions options) {
    this.peer = peer;
    this.options = options;
  }

  /** Whole regions are registered as long as they fit; the others on demand. */
  boolean fits(long length) {
    return options.pinAll() && length <= options.pinCeiling() - bytes.get();
  }

  void add(long length) {
    bytes.addAndGet(length);
  }

  void remove(long length) {
    bytes.addAndGet(-length);
  }

  /** Of the regions that are registered whole, whether or not they are by now. */
  long bytes() {
    return bytes.get();
  }

  /** Registers all of a region in pieces, so that puts begin with what is registered. */
  void register(RdmaRegion region) {
    try {
      long step = options.pinChunkBytes();
      for (long at = 0; at < region.area().length() && !region.isClosed(); at += step) {
        long offset = at;
        long length = Math.min(step, region.area().length() - at);
        if (region.isExported()) {
          RdmaRegion.Export export = region.export(offset, length);
          if (export != null) {
            peer.announce(region, export);
          }
        } else {
          region.whileOpen(() -> registerSource(region, offset, length));
        }
      }
    } catch (ChannelException e) {
      peer.failAll(e);
    }
  }

  private void registerSource(RdmaRegion region, long offset, long length) throws ChannelException {
    Ledger sources = peer.sources();
    Extent extent = sources.pin(region.area(), offset, length);
    if (extent == null) {
      return;
    }
    try {
      new SourceLoader(peer).load(extent);
    } catch (ChannelException e) {
      sources.failed(extent, e);
      throw e;
    }
  }
}
