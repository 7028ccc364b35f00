/**
 * One side of a migration driven from here: the QEMU at a monitor socket is set up, told to migrate
 * through a proxy of its own, watched, and left as it was found if that fails. Source and
 * destination are two classes; what they share is {@code Drive}.
 *
 * <p>Nothing here prints; the command line and library users read the same records.
 */
@NullMarked
package dev.godwit.migration.drive;

import org.jspecify.annotations.NullMarked;
