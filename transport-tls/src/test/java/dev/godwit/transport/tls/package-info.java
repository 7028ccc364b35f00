/** TLS over each provider under the contracts, and against peers that mean harm. */
@NullMarked
package dev.godwit.transport.tls;

import org.jspecify.annotations.NullMarked;
