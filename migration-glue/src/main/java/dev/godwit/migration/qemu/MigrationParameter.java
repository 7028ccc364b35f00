package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.AppliesTo.BOTH;
import static dev.godwit.migration.qemu.AppliesTo.DESTINATION;
import static dev.godwit.migration.qemu.AppliesTo.EACH;
import static dev.godwit.migration.qemu.AppliesTo.SOURCE;
import static dev.godwit.migration.qemu.Lifetime.between;
import static dev.godwit.migration.qemu.Lifetime.since;

import dev.godwit.migration.qemu.ParameterType.Choice;
import dev.godwit.migration.qemu.ParameterType.Count;
import dev.godwit.migration.qemu.ParameterType.OnOff;
import dev.godwit.migration.qemu.ParameterType.Size;
import dev.godwit.migration.qemu.ParameterType.Structure;
import dev.godwit.migration.qemu.ParameterType.Text;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A migration parameter with the values it takes. Ranges and defaults were read back from QEMU 7.2
 * and 10.0; a test holds the table against both. It is stricter than QEMU in one thing: sizes end
 * at 2<sup>63</sup> - 1, where QEMU also takes what amounts to a negative number.
 */
@SuppressWarnings("ImmutableEnumChecker") // Records of values are immutable.
public enum MigrationParameter {
  MAX_BANDWIDTH(
      "max-bandwidth",
      since("2.8"),
      SOURCE,
      new Size(0, false, "bytes per second"),
      whole(134_217_728),
      "The most that is sent in a second, 0 for no limit"),
  AVAIL_SWITCHOVER_BANDWIDTH(
      "avail-switchover-bandwidth",
      since("8.2"),
      SOURCE,
      new Size(0, false, "bytes per second"),
      whole(0),
      "What to count on for the downtime estimate, 0 to go by what is measured"),
  DOWNTIME_LIMIT(
      "downtime-limit",
      since("2.8"),
      SOURCE,
      new Count(0, 2_000_000, "ms"),
      whole(300),
      "The guest is paused for the last pass once that is expected to take no longer"),
  MULTIFD_CHANNELS(
      "multifd-channels",
      since("4.0"),
      BOTH,
      new Count(1, 255, ""),
      whole(2),
      "How many connections carry guest memory beside the main one"),
  MULTIFD_COMPRESSION(
      "multifd-compression",
      since("5.0"),
      BOTH,
      new Choice(
          List.of(
              new Choice.Option("none", since("5.0")),
              new Choice.Option("zlib", since("5.0")),
              new Choice.Option("zstd", since("5.0")),
              new Choice.Option("qatzip", since("9.2")),
              new Choice.Option("qpl", since("9.1")),
              new Choice.Option("uadk", since("9.1")))),
      word("none"),
      "How multifd channels compress pages; hardware methods only if QEMU was built with them"),
  MULTIFD_ZLIB_LEVEL(
      "multifd-zlib-level",
      since("5.0"),
      SOURCE,
      new Count(0, 9, ""),
      whole(1),
      "How hard zlib tries on multifd channels, 0 for not at all"),
  MULTIFD_ZSTD_LEVEL(
      "multifd-zstd-level",
      since("5.0"),
      SOURCE,
      new Count(0, 20, ""),
      whole(1),
      "How hard zstd tries on multifd channels"),
  MULTIFD_QATZIP_LEVEL(
      "multifd-qatzip-level",
      since("9.2"),
      SOURCE,
      new Count(1, 9, ""),
      whole(1),
      "How hard a QAT device tries on multifd channels"),
  XBZRLE_CACHE_SIZE(
      "xbzrle-cache-size",
      since("2.11"),
      SOURCE,
      new Size(4096, true, "bytes"),
      whole(67_108_864),
      "How much memory xbzrle keeps of pages that were sent"),
  MAX_POSTCOPY_BANDWIDTH(
      "max-postcopy-bandwidth",
      since("3.0"),
      SOURCE,
      new Size(0, false, "bytes per second"),
      whole(0),
      "The most that is sent in a second of postcopy beside requested pages, 0 for no limit"),
  TLS_CREDS(
      "tls-creds",
      since("2.7"),
      EACH,
      new Text(),
      word(""),
      "The id of the tls-creds object that QEMU itself encrypts the migration with, empty for none"),
  TLS_HOSTNAME(
      "tls-hostname",
      since("2.7"),
      SOURCE,
      new Text(),
      word(""),
      "The name that the destination's certificate must have, if not the host of the URI"),
  TLS_AUTHZ(
      "tls-authz",
      since("4.0"),
      DESTINATION,
      new Text(),
      word(""),
      "The id of the authz object that judges the name in the source's certificate"),
  THROTTLE_TRIGGER_THRESHOLD(
      "throttle-trigger-threshold",
      since("5.0"),
      SOURCE,
      new Count(1, 100, "%"),
      whole(50),
      "Throttling starts once the guest dirties this share of what was sent in the same time"),
  CPU_THROTTLE_INITIAL(
      "cpu-throttle-initial",
      since("2.7"),
      SOURCE,
      new Count(1, 99, "%"),
      whole(20),
      "How much of the vCPUs' time the first step of throttling takes away"),
  CPU_THROTTLE_INCREMENT(
      "cpu-throttle-increment",
      since("2.7"),
      SOURCE,
      new Count(1, 99, "%"),
      whole(10),
      "How much more each further step of throttling takes away"),
  CPU_THROTTLE_TAILSLOW(
      "cpu-throttle-tailslow",
      since("5.1"),
      SOURCE,
      new OnOff(),
      new ParameterValue.Flag(false),
      "Makes the last steps of throttling smaller"),
  MAX_CPU_THROTTLE(
      "max-cpu-throttle",
      since("3.1"),
      SOURCE,
      new Count(1, 99, "%"),
      whole(99),
      "The most that throttling takes away, not less than cpu-throttle-initial"),
  ANNOUNCE_INITIAL(
      "announce-initial",
      since("4.0"),
      DESTINATION,
      new Count(0, 100_000, "ms"),
      whole(50),
      "The wait before the guest's network addresses are announced for the second time"),
  ANNOUNCE_MAX(
      "announce-max",
      since("4.0"),
      DESTINATION,
      new Count(0, 100_000, "ms"),
      whole(550),
      "The longest wait between two announcements"),
  ANNOUNCE_ROUNDS(
      "announce-rounds",
      since("4.0"),
      DESTINATION,
      new Count(0, 1000, ""),
      whole(5),
      "How often the guest's network addresses are announced"),
  ANNOUNCE_STEP(
      "announce-step",
      since("4.0"),
      DESTINATION,
      new Count(1, 10_000, "ms"),
      whole(100),
      "How much longer each wait between two announcements is than the one before"),
  X_CHECKPOINT_DELAY(
      "x-checkpoint-delay",
      since("2.8"),
      SOURCE,
      new Count(0, 4_294_967_295L, "ms"),
      whole(20_000),
      "The time between two checkpoints of x-colo (experimental)"),
  BLOCK_BITMAP_MAPPING(
      "block-bitmap-mapping",
      since("5.2"),
      EACH,
      new Structure(),
      word(""),
      "The names that dirty-bitmaps gives to disks and bitmaps in the stream"),
  COMPRESS_LEVEL(
      "compress-level",
      between("2.4", "9.1"),
      SOURCE,
      new Count(0, 9, ""),
      whole(1),
      "How hard zlib tries with capability compress"),
  COMPRESS_THREADS(
      "compress-threads",
      between("2.4", "9.1"),
      SOURCE,
      new Count(1, 255, ""),
      whole(8),
      "How many threads compress pages"),
  COMPRESS_WAIT_THREAD(
      "compress-wait-thread",
      between("3.1", "9.1"),
      SOURCE,
      new OnOff(),
      new ParameterValue.Flag(true),
      "Waits for a compressing thread rather than send a page as it is"),
  DECOMPRESS_THREADS(
      "decompress-threads",
      between("2.4", "9.1"),
      DESTINATION,
      new Count(1, 255, ""),
      whole(2),
      "How many threads decompress pages"),
  BLOCK_INCREMENTAL(
      "block-incremental",
      between("2.10", "9.1"),
      SOURCE,
      new OnOff(),
      new ParameterValue.Flag(false),
      "Migrates only what a disk has over its backing file, with capability block"),
  VCPU_DIRTY_LIMIT(
      "vcpu-dirty-limit",
      since("8.1"),
      SOURCE,
      new Count(1, Long.MAX_VALUE, "MB/s"),
      whole(1),
      "The rate above which dirty-limit slows a vCPU down"),
  X_VCPU_DIRTY_LIMIT_PERIOD(
      "x-vcpu-dirty-limit-period",
      since("8.1"),
      SOURCE,
      new Count(1, 1000, "ms"),
      whole(1000),
      "How often dirty-limit measures the vCPUs (experimental)"),
  MODE(
      "mode",
      since("8.2"),
      BOTH,
      new Choice(
          List.of(
              new Choice.Option("normal", since("8.2")),
              new Choice.Option("cpr-reboot", since("8.2")),
              new Choice.Option("cpr-transfer", since("10.0")))),
      word("normal"),
      "Whether this is a migration, or an update of QEMU or the host under a guest that stays"),
  ZERO_PAGE_DETECTION(
      "zero-page-detection",
      since("9.0"),
      SOURCE,
      new Choice(
          List.of(
              new Choice.Option("none", since("9.0")),
              new Choice.Option("legacy", since("9.0")),
              new Choice.Option("multifd", since("9.0")))),
      word("multifd"),
      "Who looks for zero pages; legacy is the default of machine types up to 8.2"),
  DIRECT_IO(
      "direct-io",
      since("9.1"),
      EACH,
      new OnOff(),
      new ParameterValue.Flag(false),
      "Bypasses the page cache of the host for mapped-ram files");

  private final String qemuName;
  private final Lifetime lifetime;
  private final AppliesTo appliesTo;
  private final ParameterType type;
  private final ParameterValue initial;
  private final String meaning;

  MigrationParameter(
      String qemuName,
      Lifetime lifetime,
      AppliesTo appliesTo,
      ParameterType type,
      ParameterValue initial,
      String meaning) {
    this.qemuName = qemuName;
    this.lifetime = lifetime;
    this.appliesTo = appliesTo;
    this.type = type;
    this.initial = initial;
    this.meaning = meaning;
  }

  private static ParameterValue whole(long value) {
    return new ParameterValue.Whole(value);
  }

  private static ParameterValue word(String text) {
    return new ParameterValue.Word(text);
  }

  /** The parameter of that name, in QEMU's spelling. */
  public static Optional<MigrationParameter> named(String qemuName) {
    return Arrays.stream(values()).filter(p -> p.qemuName.equals(qemuName)).findFirst();
  }

  /** QEMU's name for it. */
  public String qemuName() {
    return qemuName;
  }

  public Lifetime lifetime() {
    return lifetime;
  }

  /** Where it has to be set. */
  public AppliesTo appliesTo() {
    return appliesTo;
  }

  public ParameterType type() {
    return type;
  }

  /** The value in a QEMU where nobody has set it; empty if it is then not set at all. */
  public Optional<ParameterValue> initial() {
    return type instanceof Structure ? Optional.empty() : Optional.of(initial);
  }

  /** What it does, in one sentence without a full stop. */
  public String meaning() {
    return meaning;
  }

  /** The capability without which it has no effect, if there is one. */
  public Optional<MigrationCapability> actsWith() {
    return Optional.ofNullable(
        switch (this) {
          case MULTIFD_CHANNELS,
              MULTIFD_COMPRESSION,
              MULTIFD_ZLIB_LEVEL,
              MULTIFD_ZSTD_LEVEL,
              MULTIFD_QATZIP_LEVEL ->
              MigrationCapability.MULTIFD;
          case XBZRLE_CACHE_SIZE -> MigrationCapability.XBZRLE;
          case MAX_POSTCOPY_BANDWIDTH -> MigrationCapability.POSTCOPY_RAM;
          case THROTTLE_TRIGGER_THRESHOLD,
              CPU_THROTTLE_INITIAL,
              CPU_THROTTLE_INCREMENT,
              CPU_THROTTLE_TAILSLOW,
              MAX_CPU_THROTTLE ->
              MigrationCapability.AUTO_CONVERGE;
          case X_CHECKPOINT_DELAY -> MigrationCapability.X_COLO;
          case BLOCK_BITMAP_MAPPING -> MigrationCapability.DIRTY_BITMAPS;
          case COMPRESS_LEVEL, COMPRESS_THREADS, COMPRESS_WAIT_THREAD, DECOMPRESS_THREADS ->
              MigrationCapability.COMPRESS;
          case BLOCK_INCREMENTAL -> MigrationCapability.BLOCK;
          case VCPU_DIRTY_LIMIT, X_VCPU_DIRTY_LIMIT_PERIOD -> MigrationCapability.DIRTY_LIMIT;
          case DIRECT_IO -> MigrationCapability.MAPPED_RAM;
          default -> null;
        });
  }

  @Override
  public String toString() {
    return qemuName;
  }
}
