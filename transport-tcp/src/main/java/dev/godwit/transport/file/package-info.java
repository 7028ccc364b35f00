/**
 * {@code file:}, saving a migration to a file and restoring it, as QEMU's {@code file:} has it.
 *
 * <p>How the file is opened, and what becomes of half a file, is decided here; its format is not.
 */
@NullMarked
package dev.godwit.transport.file;

import org.jspecify.annotations.NullMarked;
