/** {@code file:} under the contracts, and what is special to it. */
@NullMarked
package dev.godwit.transport.file;

import org.jspecify.annotations.NullMarked;
