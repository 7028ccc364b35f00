package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import org.jspecify.annotations.Nullable;

/** A part of a region and its registration. Its fields belong to its {@link Ledger}. */
final class Extent {
  /** Where it is in its life. */
  enum State {
    /** Counted, and about to be registered. */
    WANTED,
    /** Registered. */
    HELD,
    /** Not to be used any more; counted until its registration is gone. */
    LEAVING,
    /** Gone, or never came to be. */
    GONE
  }

  final Area area;
  final long offset;
  final long length;

  /** Not evicted, and not under the ceiling of this ledger. */
  final boolean pinned;

  volatile State state = State.WANTED;
  volatile @Nullable ChannelException failure;
  int uses;
  long lastUse;

  /** Where its first byte is, for the device. */
  private long address;

  private int key;
  private @Nullable Registration registration;

  Extent(Area area, long offset, long length, boolean pinned) {
    this.area = area;
    this.offset = offset;
    this.length = length;
    this.pinned = pinned;
  }

  /** Says under which address and key it is registered, before it becomes {@code HELD}. */
  void registered(long where, int underKey, @Nullable Registration by) {
    address = where;
    key = underKey;
    registration = by;
  }

  boolean isHeld() {
    return state == State.HELD;
  }

  /** Where the byte at {@code regionOffset} is, for the device. */
  long address(long regionOffset) {
    return address + (regionOffset - offset);
  }

  int key() {
    return key;
  }

  /** This side's registration; none where it is the peer's. */
  @Nullable Registration registration() {
    return registration;
  }

  long end() {
    return offset + length;
  }

  @Override
  public String toString() {
    return area.name() + "+" + offset + ".." + end() + " " + state;
  }
}
