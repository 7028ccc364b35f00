package dev.godwit.lab.embedded;

/**
 * What a lab guest is like; both sides of a migration make theirs of the same one. Immutable.
 *
 * @param ramBytes length of the block {@code lab.ram}
 * @param ramPageBytes its page size
 * @param hugeBytes length of the block {@code lab.huge}, 0 for none
 * @param hugePageBytes its page size
 * @param vcpus how many threads the guest has, 1 to 64
 * @param shape which memory they change
 * @param writesPerSecond how many records of 256 bytes each of them writes; 0 for as many as it can
 * @param zeroPercent how much of the memory stays zero for ever, 0 to 95
 * @param seed from which all contents and orders come
 */
public record LabSpec(
    long ramBytes,
    int ramPageBytes,
    long hugeBytes,
    int hugePageBytes,
    int vcpus,
    DirtyShape shape,
    long writesPerSecond,
    int zeroPercent,
    long seed) {
  private static final int PAGE_BYTES = 4 << 10;
  private static final int HUGE_PAGE_BYTES = 2 << 20;

  /** So that each processor has memory of every kind. */
  private static final int LEAST_PAGES_A_VCPU = 64;

  /** So that products of two numbers of records are longs. */
  private static final long LARGEST = 256L << 30;

  public LabSpec {
    requirePages("lab.ram", ramBytes, ramPageBytes);
    if (hugeBytes != 0) {
      requirePages("lab.huge", hugeBytes, hugePageBytes);
    }
    if (ramBytes + hugeBytes > LARGEST) {
      throw new IllegalArgumentException(
          "A lab guest has at most 256 GiB of memory, not " + (ramBytes + hugeBytes) + " bytes");
    }
    if (vcpus < 1 || vcpus > 64) {
      throw new IllegalArgumentException("A lab guest has 1 to 64 processors, not " + vcpus);
    }
    if (writesPerSecond < 0) {
      throw new IllegalArgumentException("A rate is not negative: " + writesPerSecond);
    }
    if (zeroPercent < 0 || zeroPercent > 95) {
      throw new IllegalArgumentException(
          "0 to 95 percent of a lab guest can stay zero, not " + zeroPercent);
    }
    long least = (long) LEAST_PAGES_A_VCPU * vcpus * PAGE_BYTES * 100 / (100 - zeroPercent);
    if (ramBytes + hugeBytes < least) {
      throw new IllegalArgumentException(
          "A lab guest of "
              + vcpus
              + " processors needs at least "
              + least
              + " bytes of memory, not "
              + (ramBytes + hugeBytes));
    }
  }

  /** A guest of two processors, pages of 4 KiB, and a quarter of its memory zero. */
  public static LabSpec of(long ramBytes, DirtyShape shape, long writesPerSecond) {
    return new LabSpec(
        ramBytes, PAGE_BYTES, 0, HUGE_PAGE_BYTES, 2, shape, writesPerSecond, 25, 0x676f64776974L);
  }

  /** The same with a block of 2 MiB pages besides. */
  public LabSpec withHuge(long bytes) {
    return new LabSpec(
        ramBytes,
        ramPageBytes,
        bytes,
        HUGE_PAGE_BYTES,
        vcpus,
        shape,
        writesPerSecond,
        zeroPercent,
        seed);
  }

  public LabSpec withPageBytes(int bytes) {
    return new LabSpec(
        ramBytes,
        bytes,
        hugeBytes,
        hugePageBytes,
        vcpus,
        shape,
        writesPerSecond,
        zeroPercent,
        seed);
  }

  public LabSpec withVcpus(int count) {
    return new LabSpec(
        ramBytes,
        ramPageBytes,
        hugeBytes,
        hugePageBytes,
        count,
        shape,
        writesPerSecond,
        zeroPercent,
        seed);
  }

  public LabSpec withZeroPercent(int percent) {
    return new LabSpec(
        ramBytes,
        ramPageBytes,
        hugeBytes,
        hugePageBytes,
        vcpus,
        shape,
        writesPerSecond,
        percent,
        seed);
  }

  public LabSpec withSeed(long other) {
    return new LabSpec(
        ramBytes,
        ramPageBytes,
        hugeBytes,
        hugePageBytes,
        vcpus,
        shape,
        writesPerSecond,
        zeroPercent,
        other);
  }

  /**
   * A number that differs where contents or orders differ: devices carry it, so that a state is not
   * loaded into a guest of another kind. How fast a guest is does not matter.
   */
  long identity() {
    long identity = Mix.of(seed, shape.name().hashCode());
    identity = Mix.of(identity, ramBytes, hugeBytes);
    return Mix.of(identity, vcpus, zeroPercent);
  }

  private static void requirePages(String block, long bytes, int pageBytes) {
    if (pageBytes < PAGE_BYTES || Integer.bitCount(pageBytes) != 1) {
      throw new IllegalArgumentException(
          "A page of a lab guest has 4096 bytes or a larger power of two, not " + pageBytes);
    }
    if (bytes <= 0 || bytes % pageBytes != 0) {
      throw new IllegalArgumentException(
          "Block " + block + " cannot have " + bytes + " bytes in pages of " + pageBytes);
    }
  }
}
