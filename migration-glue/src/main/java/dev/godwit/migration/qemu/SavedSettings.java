package dev.godwit.migration.qemu;

/**
 * What {@link QemuMonitor#apply} changed in a QEMU and how it was before, so that {@link
 * QemuMonitor#restore} can take exactly that back.
 *
 * @param before the settings that were changed, with their earlier values
 */
public record SavedSettings(MigrationSettings before) {

  /** Whether nothing was changed. */
  public boolean isEmpty() {
    return before.isEmpty();
  }
}
