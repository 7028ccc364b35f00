/** {@code unix:} under the contracts, and what is special to it. */
@NullMarked
package dev.godwit.transport.unix;

import org.jspecify.annotations.NullMarked;
