/**
 * The command line: options in, one sentence or one table out, and an exit code from one list.
 * Nothing is decided here that a library user would miss.
 */
@NullMarked
package dev.godwit.migration.cli;

import org.jspecify.annotations.NullMarked;
