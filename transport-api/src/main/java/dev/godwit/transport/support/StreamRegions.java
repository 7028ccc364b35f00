package dev.godwit.transport.support;

import dev.godwit.transport.Access;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The registrations of a stream provider: they cost nothing, grant nothing, and the peer's regions
 * are known by name alone.
 */
public final class StreamRegions implements Peer {
  /** The longest name, as in QEMU's block table. */
  public static final int MAX_NAME_BYTES = 255;

  private final Map<String, StreamRegion> regions = new ConcurrentHashMap<>();

  @Override
  public Region register(String name, MemorySegment memory, Access access) {
    StreamRegion region = new StreamRegion(this, checkedName(name), memory, access);
    if (regions.putIfAbsent(name, region) != null) {
      throw new IllegalArgumentException("A region named " + name + " is registered already");
    }
    return region;
  }

  @Override
  public RemoteRegion remote(String name, Deadline deadline) {
    return new Named(checkedName(name));
  }

  /** Returns {@code name} if it can name a region. */
  public static String checkedName(String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes == 0 || bytes > MAX_NAME_BYTES) {
      throw new IllegalArgumentException(
          "A region's name has 1 to " + MAX_NAME_BYTES + " bytes, not " + bytes);
    }
    return name;
  }

  /** Checks a range against a region before anything is touched. */
  public static void checkRange(Region region, long offset, long length) {
    Objects.checkFromIndexSize(offset, length, region.memory().byteSize());
  }

  /** Checks the part of a put's target that is known without knowing the peer's region. */
  public static void checkTarget(RemoteRegion region, long offset, long length) {
    if (offset < 0 || length < 0 || offset > Long.MAX_VALUE - length) {
      throw new IndexOutOfBoundsException(
          "Range ["
              + offset
              + ", "
              + offset
              + " + "
              + length
              + ") is outside of region "
              + region.name());
    }
  }

  private record Named(String name) implements RemoteRegion {}

  private static final class StreamRegion implements Region {
    private final StreamRegions owner;
    private final String name;
    private final MemorySegment memory;
    private final Access access;
    private volatile boolean closed;

    StreamRegion(StreamRegions owner, String name, MemorySegment memory, Access access) {
      this.owner = owner;
      this.name = name;
      this.memory = memory;
      this.access = access;
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

    @Override
    public void close() {
      closed = true;
      owner.regions.remove(name, this);
    }
  }
}
