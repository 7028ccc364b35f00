/** {@code fd:} under the contracts, and what is special to it. */
@NullMarked
package dev.godwit.transport.fd;

import org.jspecify.annotations.NullMarked;
