package dev.godwit.migration.qemu;

import java.util.Arrays;
import java.util.Optional;

/**
 * A migration capability: something that QEMU does only if it is switched on before the migration
 * starts. All are off in a fresh QEMU. What each version has was read from {@code
 * query-migrate-capabilities} of QEMU 7.2 and 10.0; a test holds the table against both.
 */
@SuppressWarnings("ImmutableEnumChecker") // A record of releases is immutable.
public enum MigrationCapability {
  XBZRLE(
      "xbzrle",
      Lifetime.since("1.2"),
      AppliesTo.SOURCE,
      "Sends a page that was sent before as its difference, from a cache of old pages"),
  RDMA_PIN_ALL(
      "rdma-pin-all",
      Lifetime.since("2.0"),
      AppliesTo.BOTH,
      "Pins all guest memory before an rdma: migration of QEMU's own starts"),
  AUTO_CONVERGE(
      "auto-converge",
      Lifetime.since("1.6"),
      AppliesTo.SOURCE,
      "Slows the guest's vCPUs down step by step if it dirties memory faster than it is sent"),
  ZERO_BLOCKS(
      "zero-blocks",
      Lifetime.since("1.6"),
      AppliesTo.SOURCE,
      "Skips zero blocks of disks when disks are migrated too"),
  COMPRESS(
      "compress",
      Lifetime.between("2.4", "9.1"),
      AppliesTo.BOTH,
      "Compresses each page with zlib on the main channel"),
  EVENTS(
      "events",
      Lifetime.since("2.4"),
      AppliesTo.EACH,
      "Reports each change of the migration's state as an event"),
  POSTCOPY_RAM(
      "postcopy-ram",
      Lifetime.since("2.6"),
      AppliesTo.BOTH,
      "Lets the guest move before its memory has, and fetches missing pages on demand"),
  X_COLO(
      "x-colo",
      Lifetime.since("2.8"),
      AppliesTo.BOTH,
      "Keeps a second QEMU in step with this one for ever, as a spare (experimental)"),
  RELEASE_RAM(
      "release-ram",
      Lifetime.since("2.9"),
      AppliesTo.SOURCE,
      "Frees pages at the source once they were sent in postcopy, so it cannot recover"),
  BLOCK(
      "block",
      Lifetime.between("2.10", "9.1"),
      AppliesTo.SOURCE,
      "Migrates the disks too, through the migration stream"),
  RETURN_PATH(
      "return-path",
      Lifetime.since("2.10"),
      AppliesTo.SOURCE,
      "Has the destination answer on the main channel, so the source knows that it arrived"),
  PAUSE_BEFORE_SWITCHOVER(
      "pause-before-switchover",
      Lifetime.since("2.11"),
      AppliesTo.SOURCE,
      "Waits in state pre-switchover, guest paused, until it is told to continue"),
  MULTIFD(
      "multifd",
      Lifetime.since("4.0"),
      AppliesTo.BOTH,
      "Sends guest memory over several connections at once"),
  DIRTY_BITMAPS(
      "dirty-bitmaps",
      Lifetime.since("2.12"),
      AppliesTo.BOTH,
      "Migrates the named dirty bitmaps of disks"),
  POSTCOPY_BLOCKTIME(
      "postcopy-blocktime",
      Lifetime.since("3.0"),
      AppliesTo.DESTINATION,
      "Measures how long vCPUs waited for pages in postcopy"),
  LATE_BLOCK_ACTIVATE(
      "late-block-activate",
      Lifetime.since("3.0"),
      AppliesTo.DESTINATION,
      "Takes hold of the disks only when the guest is started, not before"),
  X_IGNORE_SHARED(
      "x-ignore-shared",
      Lifetime.since("4.0"),
      AppliesTo.BOTH,
      "Leaves out memory that is shared with the destination anyway (experimental)"),
  VALIDATE_UUID(
      "validate-uuid",
      Lifetime.since("4.2"),
      AppliesTo.SOURCE,
      "Has the destination check that the guest's UUID is its own"),
  BACKGROUND_SNAPSHOT(
      "background-snapshot",
      Lifetime.since("6.0"),
      AppliesTo.SOURCE,
      "Saves the guest as it is at the start while it runs on"),
  ZERO_COPY_SEND(
      "zero-copy-send",
      Lifetime.since("7.1"),
      AppliesTo.SOURCE,
      "Has the kernel send multifd pages from guest memory without copying them"),
  POSTCOPY_PREEMPT(
      "postcopy-preempt",
      Lifetime.since("7.1"),
      AppliesTo.BOTH,
      "Sends requested postcopy pages over a connection of their own, past queued ones"),
  SWITCHOVER_ACK(
      "switchover-ack",
      Lifetime.since("8.1"),
      AppliesTo.BOTH,
      "Switches over only after the destination said that its devices are ready"),
  DIRTY_LIMIT(
      "dirty-limit",
      Lifetime.since("8.1"),
      AppliesTo.SOURCE,
      "Slows down only those vCPUs that dirty too fast; needs KVM with a dirty ring"),
  MAPPED_RAM(
      "mapped-ram",
      Lifetime.since("9.0"),
      AppliesTo.BOTH,
      "Gives each page a fixed place in a file; needs a file: URI");

  private final String qemuName;
  private final Lifetime lifetime;
  private final AppliesTo appliesTo;
  private final String meaning;

  MigrationCapability(String qemuName, Lifetime lifetime, AppliesTo appliesTo, String meaning) {
    this.qemuName = qemuName;
    this.lifetime = lifetime;
    this.appliesTo = appliesTo;
    this.meaning = meaning;
  }

  /** The capability of that name, in QEMU's spelling. */
  public static Optional<MigrationCapability> named(String qemuName) {
    return Arrays.stream(values()).filter(c -> c.qemuName.equals(qemuName)).findFirst();
  }

  /** QEMU's name for it. */
  public String qemuName() {
    return qemuName;
  }

  public Lifetime lifetime() {
    return lifetime;
  }

  /** Where it has to be switched on. */
  public AppliesTo appliesTo() {
    return appliesTo;
  }

  /** What it does, in one sentence without a full stop. */
  public String meaning() {
    return meaning;
  }

  @Override
  public String toString() {
    return qemuName;
  }
}
