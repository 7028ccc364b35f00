/** Engines against each other in memory, and against the peers of other houses. */
@NullMarked
package dev.godwit.transport.tls.engine;

import org.jspecify.annotations.NullMarked;
