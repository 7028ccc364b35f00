/** Tests of {@code dev.godwit.transport.support} that need no provider. */
@NullMarked
package dev.godwit.transport.support;

import org.jspecify.annotations.NullMarked;
