package dev.godwit.migration.qemu;

import java.util.Optional;

/**
 * The releases of QEMU that have something.
 *
 * @param since the first release with it
 * @param removed the first release without it again, if there is one
 */
public record Lifetime(QemuRelease since, Optional<QemuRelease> removed) {

  /** From a release on, as far as is known. */
  static Lifetime since(String release) {
    return new Lifetime(QemuRelease.of(release), Optional.empty());
  }

  /** From a release on, until another one took it away. */
  static Lifetime between(String since, String removed) {
    return new Lifetime(QemuRelease.of(since), Optional.of(QemuRelease.of(removed)));
  }

  public boolean covers(QemuVersion version) {
    return version.isAtLeast(since) && removed.map(end -> !version.isAtLeast(end)).orElse(true);
  }

  /** Why {@code version} has it not, to end a sentence with. */
  String absence(QemuVersion version) {
    if (!version.isAtLeast(since)) {
      return "it came with QEMU " + since;
    }
    return removed
        .filter(version::isAtLeast)
        .map(end -> "QEMU %s removed it".formatted(end))
        .orElse("this build leaves it out");
  }
}
