package dev.godwit.transport.rdma;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.rdma.wire.Control;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Memory of this side, and what of it the peer may write into. */
final class RdmaRegion implements Region {
  /** A part that the peer has a key of. */
  record Export(long offset, long length, Registration registration) {}

  private final RdmaPeer owner;
  private final Area area;
  private volatile MemorySegment memory;
  private final Access access;

  /** Held while something is registered that no call waits for; closing waits for that. */
  private final ReentrantLock exporting = new ReentrantLock();

  private final List<Export> exports = new CopyOnWriteArrayList<>();
  private volatile boolean closed;

  RdmaRegion(RdmaPeer owner, Area area, MemorySegment memory, Access access) {
    this.owner = owner;
    this.area = area;
    this.memory = memory;
    this.access = access;
  }

  RdmaPeer owner() {
    return owner;
  }

  Area area() {
    return area;
  }

  @Override
  public String name() {
    return area.name();
  }

  @Override
  public MemorySegment memory() {
    if (closed) {
      throw new IllegalStateException("Region " + area.name() + " is closed");
    }
    return memory;
  }

  @Override
  public Access access() {
    return access;
  }

  boolean isExported() {
    return access == Access.REMOTE_WRITE;
  }

  MemorySegment part(long offset, long length) {
    return memory.asSlice(offset, length);
  }

  /**
   * Registers a part for the peer, or finds it registered; null if the region is closed.
   *
   * @throws ChannelException.Violated if there is no such part
   */
  @Nullable Export export(long offset, long length) throws ChannelException {
    if (!isExported() || offset > area.length() || length > area.length() - offset) {
      throw new ChannelException.Violated(
          "The peer asks for a key of "
              + area.name()
              + "+"
              + offset
              + ".."
              + (offset + length)
              + ", where it has no right");
    }
    exporting.lock();
    try {
      if (closed) {
        return null;
      }
      Export there = find(offset, length);
      if (there == null) {
        count(length);
        try {
          there =
              new Export(
                  offset,
                  length,
                  owner.registered(part(offset, length), Domain.Rights.REMOTE_WRITE));
        } catch (ChannelException e) {
          count(-length);
          throw e;
        }
        exports.add(there);
      }
      return there;
    } finally {
      exporting.unlock();
    }
  }

  /** What registers a part. */
  interface Pinning {
    void run() throws ChannelException;
  }

  /** Registers a part to put from, unless the region is closed. */
  void whileOpen(Pinning pinning) throws ChannelException {
    exporting.lock();
    try {
      if (!closed) {
        pinning.run();
      }
    } finally {
      exporting.unlock();
    }
  }

  /** Takes the peer's access to a part away, if it has it. */
  void unexport(long offset, long length) throws ChannelException {
    exporting.lock();
    try {
      Export there = find(offset, length);
      if (there != null) {
        exports.remove(there);
        there.registration().close();
        count(-length);
      }
    } finally {
      exporting.unlock();
    }
  }

  /** What is registered whole is not the peer's choice, and not under its ceiling. */
  private void count(long bytes) throws ChannelException {
    if (!area.preloaded) {
      owner.countExport(bytes);
    }
  }

  private @Nullable Export find(long offset, long length) {
    for (Export export : exports) {
      if (export.offset() == offset && export.length() == length) {
        return export;
      }
    }
    return null;
  }

  /** Takes all of the peer's access away. */
  void unexportAll() throws ChannelException {
    exporting.lock();
    try {
      while (!exports.isEmpty()) {
        Export export = exports.removeLast();
        count(-export.length());
        export.registration().close();
      }
    } finally {
      exporting.unlock();
    }
  }

  /** The frames that make it known, with the keys that it has by now. */
  List<Control> announcement() {
    List<Control> frames = new ArrayList<>();
    frames.add(new Control.Advertise(area.id(), area.length(), area.preloaded, area.name()));
    if (area.preloaded) {
      // Without the lock, which may be held for long; what is added now is told by who adds it.
      for (Export export : exports) {
        frames.add(keys(export));
      }
    }
    return frames;
  }

  /** The frame that tells the key of a part. */
  Control keys(Export export) {
    return new Control.Keys(
        area.id(),
        export.offset(),
        export.length(),
        export.registration().address(),
        export.registration().remoteKey());
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public void close() throws ChannelException {
    exporting.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
    } finally {
      exporting.unlock();
    }
    owner.close(this);
    // It is the caller's again, and not to be kept reachable by the id that stays known.
    memory = MemorySegment.NULL;
  }
}
