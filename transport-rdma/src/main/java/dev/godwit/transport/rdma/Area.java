package dev.godwit.transport.rdma;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A region as a {@link Ledger} sees it: its extents in order, without overlaps. Guarded by the
 * ledger.
 */
final class Area {
  private final int id;
  private final String name;
  private final long length;

  /** Whether all of it is registered by somebody else's will, and nothing is to be asked for. */
  final boolean preloaded;

  /** How much the next extent is to have, in bytes; 0 before the first. */
  long chunk;

  /** The end of the extent that was made last, and its beginning. */
  long lastOffset;

  long lastEnd;
  boolean dropped;

  private Extent[] extents = new Extent[4];
  private int count;

  Area(int id, String name, long length, boolean preloaded) {
    this.id = id;
    this.name = name;
    this.length = length;
    this.preloaded = preloaded;
  }

  /** The region's id on the wire. */
  int id() {
    return id;
  }

  String name() {
    return name;
  }

  long length() {
    return length;
  }

  int count() {
    return count;
  }

  Extent at(int index) {
    return extents[index];
  }

  /** The last extent that begins at {@code offset} or before, or -1. */
  int floor(long offset) {
    int low = 0;
    int high = count - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (extents[middle].offset <= offset) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  /** The extent that has the byte at {@code offset}, or null. */
  @Nullable Extent covering(long offset) {
    int index = floor(offset);
    return index >= 0 && offset < extents[index].end() ? extents[index] : null;
  }

  /** Adds one that overlaps none. */
  void add(Extent extent) {
    int index = floor(extent.offset) + 1;
    if (count == extents.length) {
      extents = Arrays.copyOf(extents, 2 * count);
    }
    System.arraycopy(extents, index, extents, index + 1, count - index);
    extents[index] = extent;
    count++;
  }

  /** Removes it if it is there. */
  boolean remove(Extent extent) {
    int index = floor(extent.offset);
    if (index < 0 || extents[index] != extent) {
      return false;
    }
    count--;
    System.arraycopy(extents, index + 1, extents, index, count - index);
    return true;
  }
}
