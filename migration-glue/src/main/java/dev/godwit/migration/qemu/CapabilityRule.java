package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.Lifetime.between;
import static dev.godwit.migration.qemu.Lifetime.since;
import static dev.godwit.migration.qemu.MigrationCapability.AUTO_CONVERGE;
import static dev.godwit.migration.qemu.MigrationCapability.BACKGROUND_SNAPSHOT;
import static dev.godwit.migration.qemu.MigrationCapability.COMPRESS;
import static dev.godwit.migration.qemu.MigrationCapability.DIRTY_BITMAPS;
import static dev.godwit.migration.qemu.MigrationCapability.DIRTY_LIMIT;
import static dev.godwit.migration.qemu.MigrationCapability.LATE_BLOCK_ACTIVATE;
import static dev.godwit.migration.qemu.MigrationCapability.MAPPED_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.MULTIFD;
import static dev.godwit.migration.qemu.MigrationCapability.PAUSE_BEFORE_SWITCHOVER;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_BLOCKTIME;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_PREEMPT;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.RDMA_PIN_ALL;
import static dev.godwit.migration.qemu.MigrationCapability.RELEASE_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.RETURN_PATH;
import static dev.godwit.migration.qemu.MigrationCapability.SWITCHOVER_ACK;
import static dev.godwit.migration.qemu.MigrationCapability.VALIDATE_UUID;
import static dev.godwit.migration.qemu.MigrationCapability.XBZRLE;
import static dev.godwit.migration.qemu.MigrationCapability.X_COLO;
import static dev.godwit.migration.qemu.MigrationCapability.X_IGNORE_SHARED;
import static dev.godwit.migration.qemu.MigrationCapability.ZERO_COPY_SEND;

import java.util.List;
import java.util.stream.Stream;

/**
 * What QEMU refuses of two capabilities. A rule that is known from one release only begins there:
 * of the releases before it, QEMU itself is the judge, and its refusal costs nothing either.
 */
public sealed interface CapabilityRule {

  /** The capability that the rule is about. */
  MigrationCapability first();

  /** The one that it needs or excludes. */
  MigrationCapability second();

  /** The releases that hold to the rule. */
  Lifetime lifetime();

  /** Whether two capabilities, on or off, break the rule. */
  boolean broken(boolean firstOn, boolean secondOn);

  /** {@code first} works only together with {@code second}. */
  record Needs(MigrationCapability first, MigrationCapability second, Lifetime lifetime)
      implements CapabilityRule {
    @Override
    public boolean broken(boolean firstOn, boolean secondOn) {
      return firstOn && !secondOn;
    }
  }

  /** Not both at once. */
  record Excludes(MigrationCapability first, MigrationCapability second, Lifetime lifetime)
      implements CapabilityRule {
    @Override
    public boolean broken(boolean firstOn, boolean secondOn) {
      return firstOn && secondOn;
    }
  }

  /** All rules that are known. */
  static List<CapabilityRule> all() {
    Stream<CapabilityRule> backgroundSnapshot =
        Stream.of(
                POSTCOPY_RAM,
                DIRTY_BITMAPS,
                POSTCOPY_BLOCKTIME,
                LATE_BLOCK_ACTIVATE,
                RETURN_PATH,
                MULTIFD,
                PAUSE_BEFORE_SWITCHOVER,
                AUTO_CONVERGE,
                RELEASE_RAM,
                RDMA_PIN_ALL,
                XBZRLE,
                COMPRESS,
                X_COLO,
                VALIDATE_UUID,
                ZERO_COPY_SEND)
            .map(other -> new Excludes(BACKGROUND_SNAPSHOT, other, since("6.0")));
    Stream<CapabilityRule> others =
        Stream.of(
            new Needs(POSTCOPY_PREEMPT, POSTCOPY_RAM, since("7.1")),
            new Needs(ZERO_COPY_SEND, MULTIFD, since("7.1")),
            new Needs(SWITCHOVER_ACK, RETURN_PATH, since("8.1")),
            new Excludes(POSTCOPY_RAM, X_IGNORE_SHARED, since("4.0")),
            new Excludes(ZERO_COPY_SEND, XBZRLE, since("7.1")),
            new Excludes(ZERO_COPY_SEND, COMPRESS, since("7.1")),
            new Excludes(MULTIFD, COMPRESS, since("7.2")),
            new Excludes(POSTCOPY_PREEMPT, COMPRESS, since("7.1")),
            new Excludes(MULTIFD, POSTCOPY_RAM, between("10.0", "10.1")),
            new Excludes(MULTIFD, XBZRLE, since("10.0")),
            new Excludes(DIRTY_LIMIT, AUTO_CONVERGE, since("8.1")),
            new Excludes(MAPPED_RAM, XBZRLE, since("9.0")),
            new Excludes(MAPPED_RAM, POSTCOPY_RAM, since("9.0")));
    return Stream.concat(others, backgroundSnapshot).toList();
  }
}
