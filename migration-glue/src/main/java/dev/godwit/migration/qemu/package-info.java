/**
 * What a QEMU offers to a migration, typed: its capabilities and parameters with the versions that
 * have them, the status it reports in bytes and durations whatever its version, its events, and the
 * commands to drive it.
 *
 * <p>{@link dev.godwit.migration.qemu.QemuMonitor} talks to one QEMU; {@link
 * dev.godwit.migration.qemu.MigrationSettings} judges what a user asks for before anything is
 * changed there. Facts about versions stand in the tables and in no other place. Deciding what to
 * migrate where, and reporting it, is the command line's business.
 */
@NullMarked
package dev.godwit.migration.qemu;

import org.jspecify.annotations.NullMarked;
