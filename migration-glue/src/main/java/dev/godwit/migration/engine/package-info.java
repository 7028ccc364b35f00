/**
 * The engine: moves a {@link dev.godwit.migration.guest.Guest} from one process to another over any
 * transport, in passes over its memory, and decides when the guest changes hands. Parameters have
 * QEMU's names, units, ranges and defaults wherever QEMU has them; statistics are bytes, seconds
 * and bytes per second. What judges and paces a migration here starts no threads and knows no
 * guest, so that it can be used, and tested, without one.
 */
@NullMarked
package dev.godwit.migration.engine;

import org.jspecify.annotations.NullMarked;
