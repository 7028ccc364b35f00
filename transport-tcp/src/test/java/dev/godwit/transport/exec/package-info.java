/** {@code exec:} under the contracts, and what is special to it. */
@NullMarked
package dev.godwit.transport.exec;

import org.jspecify.annotations.NullMarked;
