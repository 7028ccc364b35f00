package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpGreeting;
import java.util.Comparator;

/**
 * The version a QEMU reports. Ordered by its three numbers; two packages of one version are neither
 * before nor after each other, and yet not equal.
 *
 * @param major first part of the version
 * @param minor second part of the version
 * @param micro third part of the version
 * @param packageName the distributor's name for it, or an empty text
 */
public record QemuVersion(int major, int minor, int micro, String packageName)
    implements Comparable<QemuVersion> {
  private static final Comparator<QemuVersion> ORDER =
      Comparator.comparing(QemuVersion::release).thenComparingInt(QemuVersion::micro);

  static QemuVersion of(QmpGreeting greeting) {
    return new QemuVersion(
        greeting.major(), greeting.minor(), greeting.micro(), greeting.packageName());
  }

  /** The feature release this is a version of. */
  public QemuRelease release() {
    return new QemuRelease(major, minor);
  }

  public boolean isAtLeast(QemuRelease release) {
    return release().isAtLeast(release);
  }

  @Override
  public int compareTo(QemuVersion other) {
    return ORDER.compare(this, other);
  }

  /** The three numbers, as in {@code 7.2.22}. */
  @Override
  public String toString() {
    return major + "." + minor + "." + micro;
  }
}
