package dev.godwit.migration.qemu;

import java.util.Comparator;

/**
 * A feature release of QEMU, such as 7.2.
 *
 * @param major first part of the version
 * @param minor second part of the version
 */
public record QemuRelease(int major, int minor) implements Comparable<QemuRelease> {
  private static final Comparator<QemuRelease> ORDER =
      Comparator.comparingInt(QemuRelease::major).thenComparingInt(QemuRelease::minor);

  /** Reads {@code "7.2"}. */
  public static QemuRelease of(String text) {
    int dot = text.indexOf('.');
    return new QemuRelease(
        Integer.parseInt(text.substring(0, dot)), Integer.parseInt(text.substring(dot + 1)));
  }

  public boolean isAtLeast(QemuRelease other) {
    return compareTo(other) >= 0;
  }

  @Override
  public int compareTo(QemuRelease other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
