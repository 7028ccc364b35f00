package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The regions that the peer has made known. What it says comes over several channels, so it may
 * come more than once, and what is forgotten may be heard of again. Guarded by the peer's monitor.
 */
final class TheirRegions {
  private final RdmaPeer owner;
  private final Map<Integer, TheirRegion> byId = new HashMap<>();
  private final Map<String, TheirRegion> byName = new HashMap<>();
  private final BitSet forgotten = new BitSet();

  TheirRegions(RdmaPeer owner) {
    this.owner = owner;
  }

  void add(Control.Advertise frame) throws ChannelException {
    if (forgotten.get(frame.region())) {
      return;
    }
    TheirRegion known = byId.get(frame.region());
    if (known != null) {
      if (known.length() != frame.length() || !known.name().equals(frame.name())) {
        throw new ChannelException.Violated(
            "The peer says that its region "
                + known.name()
                + " is now "
                + frame.name()
                + " with "
                + frame.length()
                + " bytes");
      }
      return;
    }
    Area area = new Area(frame.region(), frame.name(), frame.length(), frame.pinned());
    TheirRegion region = new TheirRegion(owner, area);
    byId.put(frame.region(), region);
    byName.merge(frame.name(), region, (a, b) -> a.id() > b.id() ? a : b);
  }

  @Nullable TheirRegion find(String name) {
    return byName.get(name);
  }

  /** The region with that id, null if it is forgotten. */
  @Nullable TheirRegion find(int id) throws ChannelException {
    TheirRegion region = byId.get(id);
    if (region == null && !forgotten.get(id)) {
      throw new ChannelException.Violated(
          "The peer tells a key of region " + id + ", unknown here");
    }
    return region;
  }

  /** Forgets it, and returns it if it was known. */
  @Nullable TheirRegion forget(int id) {
    forgotten.set(id);
    TheirRegion region = byId.remove(id);
    if (region != null) {
      byName.remove(region.name(), region);
    }
    return region;
  }

  /** Takes the key of a part. */
  static void keys(Ledger targets, Area area, Control.Keys frame) throws ChannelException {
    if (frame.offset() > area.length() || frame.length() > area.length() - frame.offset()) {
      throw new ChannelException.Violated(
          "The peer tells a key of "
              + area.name()
              + "+"
              + frame.offset()
              + ".."
              + (frame.offset() + frame.length())
              + ", and the region has "
              + area.length()
              + " bytes");
    }
    Extent extent = targets.find(area, frame.offset(), frame.length());
    if (extent == null && area.preloaded) {
      extent = targets.pin(area, frame.offset(), frame.length());
    }
    if (extent != null && extent.state == Extent.State.WANTED) {
      extent.registered(frame.address(), frame.key(), null);
      targets.loaded(extent);
    }
  }

  /** No channel is left over which keys could be used; they are told anew when one comes. */
  void dropKeys(Ledger targets) {
    for (TheirRegion region : byId.values()) {
      targets.drop(region.area());
    }
  }
}
