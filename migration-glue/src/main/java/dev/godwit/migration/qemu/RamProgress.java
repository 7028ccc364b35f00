package dev.godwit.migration.qemu;

/**
 * How far the guest's memory has been sent. A page that is dirtied again is sent again, so what was
 * sent can exceed what there is.
 *
 * @param transferredBytes sent so far, as {@code counted} says
 * @param counted what {@code transferredBytes} includes in this version of QEMU
 * @param remainingBytes memory that is still dirty
 * @param totalBytes all memory that is migrated
 * @param pass how often the dirty pages were collected: 1 is the pass over all memory
 * @param dirtyBytesPerSecond how fast the guest dirties memory, by the last pass
 * @param bytesPerSecond how fast QEMU sends, by its last measurement, 0 if it has none
 * @param pagesPerSecond how many pages it goes through in a second
 * @param pageBytes the size of a page
 * @param normalPages pages that were sent whole
 * @param zeroPages pages that were sent as a mark because they are all zero
 * @param precopyBytes sent on the main channel while the guest ran at the source
 * @param downtimeBytes sent while it was paused
 * @param postcopyBytes sent while it ran at the destination
 * @param multifdBytes sent on multifd channels
 * @param postcopyRequests pages that the destination asked for
 * @param zeroCopyMisses times that the kernel copied although zero-copy-send is on
 */
public record RamProgress(
    long transferredBytes,
    Counted counted,
    long remainingBytes,
    long totalBytes,
    long pass,
    long dirtyBytesPerSecond,
    long bytesPerSecond,
    long pagesPerSecond,
    long pageBytes,
    long normalPages,
    long zeroPages,
    long precopyBytes,
    long downtimeBytes,
    long postcopyBytes,
    long multifdBytes,
    long postcopyRequests,
    long zeroCopyMisses) {

  /** What a QEMU counts as transferred. */
  public enum Counted {
    /** Every byte on the wire, as measured with 10.0 in plain and multifd migrations. */
    WIRE,
    /**
     * Memory alone, before multifd compresses it: 7.2 leaves out some 100 KB of device state, and
     * with zstd claims more than went over the wire.
     */
    MEMORY,
    /** A release between the two that were measured. */
    UNKNOWN;

    static Counted by(QemuVersion version) {
      if (version.isAtLeast(QemuRelease.of("10.0"))) {
        return WIRE;
      }
      return version.isAtLeast(QemuRelease.of("8.0")) ? UNKNOWN : MEMORY;
    }
  }

  /** Pages that were sent whole, as bytes of memory. */
  public long normalBytes() {
    return normalPages * pageBytes;
  }

  /** How much of all memory is not dirty at the moment, from 0 to 1; it falls as a pass begins. */
  public double cleanShare() {
    return totalBytes <= 0
        ? 0
        : Math.clamp(1 - (double) remainingBytes / (double) totalBytes, 0, 1);
  }
}
