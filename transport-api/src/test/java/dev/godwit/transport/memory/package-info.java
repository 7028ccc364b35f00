/** {@code mem:} under the contracts, and what is its own: the oracle must be able to say no. */
@NullMarked
package dev.godwit.transport.memory;

import org.jspecify.annotations.NullMarked;
