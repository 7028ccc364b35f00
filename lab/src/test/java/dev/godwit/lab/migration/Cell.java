package dev.godwit.lab.migration;

import dev.godwit.lab.guest.QemuVersion;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** One cell of the matrix: who migrates to whom, how, and over what. */
record Cell(QemuVersion from, QemuVersion to, Mode mode, Carrier carrier) {

  /** What QEMU is asked to do; each has the settings for both sides. */
  @SuppressWarnings("ImmutableEnumChecker") // List.of is immutable
  enum Mode {
    PLAIN("return-path=off"),
    RETURN_PATH("return-path"),
    MULTIFD_4("return-path", "multifd", "multifd-channels=4"),
    MULTIFD_ZSTD("return-path", "multifd", "multifd-channels=2", "multifd-compression=zstd"),
    POSTCOPY("return-path", "postcopy-ram"),
    POSTCOPY_PREEMPT("return-path", "postcopy-ram", "postcopy-preempt");

    private final List<String> settings;

    Mode(String... settings) {
      this.settings = List.of(settings);
    }

    List<String> settings() {
      return settings;
    }

    boolean isPostcopy() {
      return this == POSTCOPY || this == POSTCOPY_PREEMPT;
    }
  }

  /** What carries the bytes. */
  enum Carrier {
    DIRECT,
    PROXY_TCP,
    PROXY_UNIX,
    DRIVE_TCP
  }

  /**
   * A 7.2 source loses dirty pages of a running guest under emulation (qemu-wire.md §10a), so its
   * guest is paused.
   */
  boolean isRunning() {
    return from == QemuVersion.V10_0;
  }

  /** Each version's own machine where both are equal, so that its own dialect is spoken. */
  String machineType() {
    return from == QemuVersion.V10_0 && to == QemuVersion.V10_0
        ? "pc-i440fx-10.0"
        : "pc-i440fx-7.2";
  }

  /** What Godwit carries: all but the control. */
  static final Carrier[] CARRIED = {Carrier.PROXY_TCP, Carrier.PROXY_UNIX, Carrier.DRIVE_TCP};

  /** Every cell of these carriers. */
  static List<Cell> all(Carrier... carriers) {
    List<Cell> cells = new ArrayList<>();
    for (QemuVersion from : QemuVersion.values()) {
      for (QemuVersion to : QemuVersion.values()) {
        for (Mode mode : Mode.values()) {
          for (Carrier carrier : carriers) {
            cells.add(new Cell(from, to, mode, carrier));
          }
        }
      }
    }
    return cells;
  }

  /**
   * Cells in which every pair of (versions, mode), (versions, carrier) and (mode, carrier) occurs
   * at least once.
   */
  static List<Cell> pairwise(long seed) {
    List<Cell> left = new ArrayList<>(all(CARRIED));
    Collections.shuffle(left, new Random(seed));
    Set<String> seen = new HashSet<>();
    List<Cell> chosen = new ArrayList<>();
    while (true) {
      Cell best = Collections.max(left, (a, b) -> Integer.compare(a.gain(seen), b.gain(seen)));
      if (best.gain(seen) == 0) {
        return chosen;
      }
      seen.addAll(best.pairs());
      left.remove(best);
      chosen.add(best);
    }
  }

  private int gain(Set<String> seen) {
    return (int) pairs().stream().filter(pair -> !seen.contains(pair)).count();
  }

  private List<String> pairs() {
    String versions = from + ">" + to;
    return List.of(versions + mode, versions + carrier, mode + "" + carrier);
  }

  @Override
  public String toString() {
    return from.number() + " to " + to.number() + ", " + mode + ", " + carrier;
  }
}
