package dev.godwit.transport.memory;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** One side's registrations, visible to its twin by name. */
final class DirectPeer implements Peer {
  private final Monitor monitor;
  private final Placer placer;
  private final BooleanSupplier stranded;
  private final Map<String, DirectRegion> regions = new HashMap<>();
  private @Nullable DirectPeer twin;
  private @Nullable Throwable aborted;

  /**
   * @param placer of the puts of this side
   * @param stranded whether no connection of this migration is left
   */
  DirectPeer(Monitor monitor, Placer placer, BooleanSupplier stranded) {
    this.monitor = monitor;
    this.placer = placer;
    this.stranded = stranded;
  }

  void pairWith(DirectPeer other) {
    twin = other;
  }

  @Override
  public Region register(String name, MemorySegment memory, Access access) {
    StreamRegions.checkedName(name);
    if (!memory.isAccessibleBy(Thread.ofPlatform().unstarted(() -> {}))) {
      throw new IllegalArgumentException(
          "The memory of region " + name + " belongs to one thread and cannot be placed in");
    }
    DirectRegion region = new DirectRegion(name, memory, access);
    monitor.lock();
    try {
      if (regions.putIfAbsent(name, region) != null) {
        throw new IllegalArgumentException("A region named " + name + " is registered already");
      }
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    return region;
  }

  @Override
  public RemoteRegion remote(String name, Deadline deadline) throws ChannelException {
    StreamRegions.checkedName(name);
    monitor.lock();
    try {
      while (true) {
        if (aborted != null) {
          throw new ChannelException.Aborted(
              "Waiting for region " + name + " was given up", aborted);
        }
        DirectRegion region = twin == null ? null : twin.regions.get(name);
        if (region != null && region.access() == Access.REMOTE_WRITE) {
          return new DirectRemote(region);
        }
        if (stranded.getAsBoolean()) {
          throw new ChannelException.Lost(
              "No connection is left over which region " + name + " could become known");
        }
        if (!monitor.await(deadline)) {
          throw new ChannelException.TimedOut("The peer did not register " + name + " in time");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  /** Ends what waits for a name, now and later. */
  void abort(Throwable cause) {
    monitor.lock();
    try {
      if (aborted == null) {
        aborted = cause;
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }

  /** This side's own region. */
  DirectRegion own(Region region) {
    if (region instanceof DirectRegion own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        "Region " + region.name() + " is not registered with this migration");
  }

  /** The twin's region. */
  DirectRegion theirs(RemoteRegion region) {
    if (region instanceof DirectRemote(DirectRegion theirs) && theirs.owner() == twin) {
      return theirs;
    }
    throw new IllegalArgumentException(
        "Region " + region.name() + " does not belong to this migration's peer");
  }

  private record DirectRemote(DirectRegion region) implements RemoteRegion {
    @Override
    public String name() {
      return region.name();
    }
  }

  /** A registration. Its counters belong to the link's monitor. */
  final class DirectRegion implements Region {
    private final String name;
    private final MemorySegment memory;
    private final Access access;
    private volatile boolean closed;
    private int copies;

    private DirectRegion(String name, MemorySegment memory, Access access) {
      this.name = name;
      this.memory = memory;
      this.access = access;
    }

    private DirectPeer owner() {
      return DirectPeer.this;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public MemorySegment memory() {
      if (closed) {
        throw new IllegalStateException("Region " + name + " is closed");
      }
      return memory;
    }

    @Override
    public Access access() {
      return access;
    }

    /** The memory, whether or not the region is closed by now. */
    MemorySegment raw() {
      return memory;
    }

    boolean isClosed() {
      return closed;
    }

    /** Somebody begins (1) or ends (-1) to touch the memory. */
    void copying(int change) {
      copies += change;
    }

    /**
     * Lets this side's own puts from here land, takes the peer's access away, and waits until
     * nobody touches the memory.
     */
    @Override
    public void close() {
      monitor.lock();
      try {
        placer.land(put -> put.src() == this);
        closed = true;
        regions.remove(name, this);
        while (copies > 0) {
          monitor.await();
        }
      } finally {
        monitor.unlock();
      }
    }
  }
}
