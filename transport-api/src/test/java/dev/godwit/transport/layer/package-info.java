/** Tests of {@code dev.godwit.transport.layer} that need no provider. */
@NullMarked
package dev.godwit.transport.layer;

import org.jspecify.annotations.NullMarked;
