/**
 * Layers that any user can name in a URI: faults, a rate limit, and a recording of the wire. They
 * know no provider and no migration.
 */
@NullMarked
package dev.godwit.transport.layer;

import org.jspecify.annotations.NullMarked;
