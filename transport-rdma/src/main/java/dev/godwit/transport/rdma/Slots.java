package dev.godwit.transport.rdma;

/** Which slots of a ring are free. Not safe for use by many threads. */
final class Slots {
  private final int[] free;
  private int count;

  Slots(int slots) {
    free = new int[slots];
    for (int slot = slots - 1; slot >= 0; slot--) {
      give(slot);
    }
  }

  boolean hasFree() {
    return count > 0;
  }

  int used() {
    return free.length - count;
  }

  int take() {
    return free[--count];
  }

  void give(int slot) {
    free[count++] = slot;
  }
}
