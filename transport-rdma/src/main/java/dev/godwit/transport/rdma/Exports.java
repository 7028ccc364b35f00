package dev.godwit.transport.rdma;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.ItemReader;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * This side's regions by name and by id. Ids are never used again, so that a frame which was long
 * under way cannot mean another region. Safe for use by many threads.
 */
final class Exports implements ItemReader.Targets {
  private final Map<String, RdmaRegion> open = new HashMap<>();
  private final List<RdmaRegion> byId = new ArrayList<>();

  /** Adds a region under the next id. */
  synchronized RdmaRegion add(
      RdmaPeer owner, String name, MemorySegment memory, Access access, boolean pinned) {
    if (open.containsKey(name)) {
      throw new IllegalArgumentException("A region named " + name + " is registered already");
    }
    int id = byId.size();
    if (id == Control.MAX_REGIONS) {
      throw new IllegalArgumentException(
          "A migration has at most " + Control.MAX_REGIONS + " regions");
    }
    Area area = new Area(id, name, memory.byteSize(), pinned);
    RdmaRegion region = new RdmaRegion(owner, area, memory, access);
    open.put(name, region);
    byId.add(region);
    return region;
  }

  /** Forgets the name; the id stays taken. */
  synchronized void remove(RdmaRegion region) {
    open.remove(region.name(), region);
  }

  synchronized Collection<RdmaRegion> open() {
    return List.copyOf(open.values());
  }

  /** Those that are open, in the order in which they were registered. */
  synchronized List<RdmaRegion> inOrder() {
    return byId.stream().filter(region -> !region.isClosed()).toList();
  }

  /** Those of {@link #inOrder} that the peer may write into. */
  List<RdmaRegion> exported() {
    return inOrder().stream().filter(RdmaRegion::isExported).toList();
  }

  /** The region that the peer means, open or closed. */
  synchronized RdmaRegion named(int id) throws ChannelException {
    if (id >= byId.size()) {
      throw new ChannelException.Violated("The peer names region " + id + ", which never was");
    }
    return byId.get(id);
  }

  @Override
  public void check(int id, long offset, long length) throws ChannelException {
    RdmaRegion region = named(id);
    long size = region.area().length();
    if (!region.isExported() || offset > size || length > size - offset) {
      throw new ChannelException.Violated(
          "The peer says it put "
              + length
              + " bytes at "
              + region.name()
              + "+"
              + offset
              + ", where it has no right");
    }
  }

  /** For messages. */
  synchronized String nameOf(int id) {
    return id < byId.size() ? byId.get(id).name() : "region " + id;
  }
}
