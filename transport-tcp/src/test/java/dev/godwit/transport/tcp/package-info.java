/** {@code tcp:} under the contracts, and what is special to it. */
@NullMarked
package dev.godwit.transport.tcp;

import org.jspecify.annotations.NullMarked;
