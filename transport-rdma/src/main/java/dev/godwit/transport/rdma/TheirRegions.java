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

  /** Made known over channels that are all gone, and not again since. */
  private final BitSet unconfirmed = new BitSet();

  TheirRegions(RdmaPeer owner) {
    this.owner = owner;
  }

  /** Adds it, and returns the region whose place it takes, if there is such a one. */
  @Nullable TheirRegion add(Control.Advertise frame) throws ChannelException {
    if (forgotten.get(frame.region())) {
      return null;
    }
    TheirRegion known = byId.get(frame.region());
    TheirRegion replaced = null;
    if (known != null) {
      boolean same = known.length() == frame.length() && known.name().equals(frame.name());
      boolean old = unconfirmed.get(frame.region());
      unconfirmed.clear(frame.region());
      if (same && (!old || known.area().preloaded == frame.pinned())) {
        return null;
      }
      if (!old) {
        throw new ChannelException.Violated(
            "The peer says that its region "
                + known.name()
                + " is now "
                + frame.name()
                + " with "
                + frame.length()
                + " bytes");
      }
      remove(known);
      replaced = known;
    }
    Area area = new Area(frame.region(), frame.name(), frame.length(), frame.pinned());
    TheirRegion region = new TheirRegion(owner, area);
    byId.put(frame.region(), region);
    byName.merge(frame.name(), region, this::newer);
    return replaced;
  }

  private TheirRegion newer(TheirRegion a, TheirRegion b) {
    boolean later = a.id() > b.id() && !unconfirmed.get(a.id());
    return later ? a : b;
  }

  private void remove(TheirRegion region) {
    byId.remove(region.id());
    byName.remove(region.name(), region);
    region.forget();
  }

  /** The newest region of that name, null if there is none or nobody is left who has it. */
  @Nullable TheirRegion find(String name) {
    TheirRegion region = byName.get(name);
    return region == null || unconfirmed.get(region.id()) ? null : region;
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
    TheirRegion region = byId.get(id);
    if (region != null) {
      remove(region);
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

  /**
   * No channel is left. Regions are made known anew with the next one, by the same owner or by one
   * who has taken its place and counts from 0 again.
   */
  void disconnected() {
    forgotten.clear();
    unconfirmed.clear();
    byId.keySet().forEach(unconfirmed::set);
  }

  /** No channel is left over which keys could be used; they are told anew when one comes. */
  void dropKeys(Ledger targets) {
    for (TheirRegion region : byId.values()) {
      targets.drop(region.area());
    }
  }
}
