package dev.godwit.transport.rdma;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.rdma.wire.Control;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Memory of this side, and what of it the peer may write into. */
final class RdmaRegion implements Region {
  /** A part that the peer has a key of. */
  record Export(long offset, long length, Registration registration) {
    long end() {
      return offset + length;
    }
  }

  /** A part, ordered by where it begins and then by its length. */
  private record Part(long offset, long length) implements Comparable<Part> {
    @Override
    public int compareTo(Part other) {
      int byOffset = Long.compare(offset, other.offset);
      return byOffset != 0 ? byOffset : Long.compare(length, other.length);
    }
  }

  private final RdmaPeer owner;
  private final Area area;
  private volatile MemorySegment memory;
  private final Access access;
  private final long address;

  /** Held while something is registered that no call waits for; closing waits for that. */
  private final ReentrantLock registering = new ReentrantLock();

  /** A guest of a terabyte has a million of them. */
  private final NavigableMap<Part, Export> exports = new ConcurrentSkipListMap<>();

  private volatile boolean closed;

  RdmaRegion(RdmaPeer owner, Area area, MemorySegment memory, Access access) {
    this.owner = owner;
    this.area = area;
    this.memory = memory;
    this.access = access;
    this.address = memory.address();
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

  /** Where its first byte is, or was. */
  long address() {
    return address;
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
    registering.lock();
    try {
      if (closed) {
        return null;
      }
      Part part = new Part(offset, length);
      Export there = exports.get(part);
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
        exports.put(part, there);
      }
      return there;
    } finally {
      registering.unlock();
    }
  }

  /**
   * As {@link #export}, for a peer that has no ceiling: parts do not overlap, so that there never
   * is more registered than there is memory. Whoever asks for less than he has gets what he has.
   *
   * @throws ChannelException.Violated if he has some of the part, and not all of it
   */
  @Nullable Export exportApart(long offset, long length) throws ChannelException {
    registering.lock();
    try {
      Map.Entry<Part, Export> before = exports.floorEntry(new Part(offset, Long.MAX_VALUE));
      long end = before == null ? 0 : before.getValue().end();
      if (before != null && end >= offset + length && !closed) {
        return before.getValue();
      }
      Part after = exports.higherKey(new Part(offset, Long.MAX_VALUE));
      if (end > offset || (after != null && after.offset() < offset + length)) {
        throw new ChannelException.Violated(
            "The peer asks for a key of "
                + area.name()
                + "+"
                + offset
                + ".."
                + (offset + length)
                + ", and has one of a part of that");
      }
      return export(offset, length);
    } finally {
      registering.unlock();
    }
  }

  /**
   * Fills a part, which is there, with a byte; false if the region is closed. What is zero already
   * is not written to, so that sparse memory stays sparse.
   */
  boolean fill(long offset, long length, byte value) {
    registering.lock();
    try {
      for (long done = 0; done < length && !closed; ) {
        if (value == 0) {
          done += Zeros.zeros(memory, offset + done, length - done);
        }
        long rest = length - done;
        long others = value == 0 ? Zeros.others(memory, offset + done, rest) : rest;
        part(offset + done, others).fill(value);
        done += others;
      }
      return !closed;
    } finally {
      registering.unlock();
    }
  }

  /** What registers a part. */
  interface Pinning {
    void run() throws ChannelException;
  }

  /** Registers a part to put from, unless the region is closed. */
  void whileOpen(Pinning pinning) throws ChannelException {
    registering.lock();
    try {
      if (!closed) {
        pinning.run();
      }
    } finally {
      registering.unlock();
    }
  }

  /** Takes the peer's access to a part away, if it has it. */
  void unexport(long offset, long length) throws ChannelException {
    registering.lock();
    try {
      Export there = exports.remove(new Part(offset, length));
      if (there != null) {
        there.registration().close();
        count(-length);
      }
    } finally {
      registering.unlock();
    }
  }

  /** What is registered whole is not the peer's choice, and not under its ceiling. */
  private void count(long bytes) throws ChannelException {
    if (!area.preloaded) {
      owner.countExport(bytes);
    }
  }

  /** Takes all of the peer's access away. */
  void unexportAll() throws ChannelException {
    registering.lock();
    try {
      Map.Entry<Part, Export> last;
      while ((last = exports.pollLastEntry()) != null) {
        Export export = last.getValue();
        count(-export.length());
        export.registration().close();
      }
    } finally {
      registering.unlock();
    }
  }

  /** The frames that make it known, with the keys that it has by now. */
  List<Control> announcement() {
    List<Control> frames = new ArrayList<>();
    frames.add(new Control.Advertise(area.id(), area.length(), area.preloaded, area.name()));
    if (area.preloaded) {
      // Without the lock, which may be held for long; what is added now is told by who adds it.
      for (Export export : exports.values()) {
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
    registering.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
    } finally {
      registering.unlock();
    }
    owner.close(this);
    // It is the caller's again, and not to be kept reachable by the id that stays known.
    memory = MemorySegment.NULL;
  }
}
