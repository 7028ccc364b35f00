package dev.godwit.lab.stream;

import dev.godwit.lab.guest.QemuVersion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** A way for a QEMU to write its stream. */
enum Mode {
  /** One channel, pages as they are. */
  PLAIN(Layout.STREAM, 0, ""),
  MULTIFD_NONE(Layout.STREAM, 2, "multifd"),
  MULTIFD_ZLIB(Layout.STREAM, 2, "multifd multifd-compression=zlib"),
  MULTIFD_ZSTD(Layout.STREAM, 2, "multifd multifd-compression=zstd"),
  /** Several passes over memory that changes between them. */
  XBZRLE(Layout.STREAM, 0, "xbzrle pause-before-switchover downtime-limit=1 max-bandwidth=12M"),
  /** Each page a zlib stream; gone since QEMU 9.1. */
  COMPRESS(Layout.STREAM, 0, "compress compress-threads=2"),
  /** The guest's memory of one moment, without an end of its RAM section. */
  BACKGROUND_SNAPSHOT(Layout.STREAM, 0, "background-snapshot"),
  /** A file with a place for each page. */
  MAPPED_RAM(Layout.FILE, 0, "mapped-ram"),
  /** The same with pages written by several threads. */
  MAPPED_RAM_MULTIFD(Layout.FILE, 0, "mapped-ram multifd"),
  /** Switched over in the first pass, between two QEMUs. */
  POSTCOPY(Layout.BOTH_WAYS, 0, "postcopy-ram max-bandwidth=4M max-postcopy-bandwidth=400k"),
  /** The same with a channel of its own for what the guest asks for. */
  PREEMPT(
      Layout.BOTH_WAYS,
      0,
      "postcopy-ram postcopy-preempt max-bandwidth=4M max-postcopy-bandwidth=400k"),
  /** Broken in the middle, and resumed over another connection. */
  RECOVERY(Layout.BOTH_WAYS, 0, "postcopy-ram max-bandwidth=4M max-postcopy-bandwidth=400k"),
  /** Which parts of a disk have changed, beside memory. */
  DIRTY_BITMAPS(Layout.STREAM, 0, "dirty-bitmaps"),
  /** A disk beside memory; gone since QEMU 9.1. */
  BLOCK(Layout.STREAM, 0, "block");

  /** Where the bytes go. */
  enum Layout {
    /** To somebody who only reads. */
    STREAM,
    /** Through somebody who only looks on, to another QEMU, which answers. */
    BOTH_WAYS,
    /** To a file, not from first to last. */
    FILE
  }

  private final Layout layout;
  private final int multifdChannels;
  private final String settings;

  Mode(Layout layout, int multifdChannels, String settings) {
    this.layout = layout;
    this.multifdChannels = multifdChannels;
    this.settings = settings;
  }

  Layout layout() {
    return layout;
  }

  /** Channels beside the main one. */
  int multifdChannels() {
    return multifdChannels;
  }

  /** What to set at the source, and at the destination where there is one. */
  List<String> settings() {
    return settings.isEmpty() ? List.of() : List.of(settings.split(" ", -1));
  }

  /** Whether the device state ends with its description. */
  boolean described() {
    return layout != Layout.BOTH_WAYS;
  }

  boolean exists(QemuVersion version) {
    return switch (this) {
      case COMPRESS, BLOCK -> version == QemuVersion.V7_2;
      case MAPPED_RAM, MAPPED_RAM_MULTIFD -> version == QemuVersion.V10_0;
      default -> true;
    };
  }

  /** The names of all connections, in the order of names. */
  List<String> connections() {
    List<String> names = new ArrayList<>(List.of("main"));
    for (int id = 0; id < multifdChannels; id++) {
      names.add("multifd " + id);
    }
    switch (this) {
      case PREEMPT -> names.add("preempt");
      case RECOVERY -> names.add("recovery");
      default -> {}
    }
    return names;
  }

  /** Whether main and multifd channels carry memory and devices and nothing else. */
  boolean isPlain() {
    return switch (this) {
      case PREEMPT, RECOVERY, DIRTY_BITMAPS, BLOCK -> false;
      default -> true;
    };
  }

  /** Every pair of mode and version that exists, where all is memory and devices. */
  static Stream<Kind> kinds() {
    return allKinds().filter(kind -> kind.mode.isPlain());
  }

  /** Every pair of mode and version that exists. */
  static Stream<Kind> allKinds() {
    return Arrays.stream(values())
        .flatMap(
            mode ->
                Arrays.stream(QemuVersion.values())
                    .filter(mode::exists)
                    .map(version -> new Kind(mode, version)));
  }

  /** A mode of one version. */
  record Kind(Mode mode, QemuVersion version) {
    /** The version's own machine type, which decides on details of the stream. */
    String machineType() {
      return "pc-i440fx-" + version.number();
    }

    /**
     * Whether the guest runs while it is migrated, and asks for its memory at the destination. Not
     * with 7.2, which under emulation loses what a running guest writes (qemu-wire.md §10a).
     */
    boolean running() {
      return switch (mode) {
        case POSTCOPY -> version == QemuVersion.V10_0;
        case PREEMPT, RECOVERY -> true; // nobody looks at this memory
        default -> false;
      };
    }

    /** For the name of a directory, a short one since it holds sockets. */
    String shortName() {
      return mode.name().toLowerCase(Locale.ROOT) + "-" + version.number();
    }

    @Override
    public String toString() {
      return mode + " of " + version;
    }
  }
}
