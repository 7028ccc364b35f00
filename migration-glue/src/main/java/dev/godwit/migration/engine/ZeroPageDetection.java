package dev.godwit.migration.engine;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Who looks for pages that are all zero, as {@code zero-page-detection} says. */
public enum ZeroPageDetection {
  /** Nobody: every page travels whole. */
  NONE,
  /** The main channel's thread. */
  LEGACY,
  /** The thread of each multifd channel; without multifd the main channel's. */
  MULTIFD;

  /** By QEMU's name, such as {@code legacy}. */
  public static Optional<ZeroPageDetection> named(String name) {
    return Arrays.stream(values()).filter(value -> value.toString().equals(name)).findFirst();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
