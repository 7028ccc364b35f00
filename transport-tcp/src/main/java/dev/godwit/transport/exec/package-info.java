/**
 * {@code exec:}, migration through the standard input and output of a shell command, as QEMU's
 * {@code exec:} has it.
 *
 * <p>What a command's end means for a migration is decided here; running it is not.
 */
@NullMarked
package dev.godwit.transport.exec;

import org.jspecify.annotations.NullMarked;
