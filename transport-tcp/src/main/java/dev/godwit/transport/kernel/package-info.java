/**
 * The Linux kernel as the providers of this module use it: system calls through {@code
 * java.lang.foreign}, descriptors that cannot be closed under a running call, and the one channel
 * that all of {@code tcp:}, {@code unix:}, {@code fd:}, {@code exec:} and {@code file:} share.
 *
 * <p>Nothing here knows a scheme or its settings, and native code is called from nowhere else. Libc
 * speaks in error numbers; whoever calls it says in a sentence what they mean.
 */
@NullMarked
package dev.godwit.transport.kernel;

import org.jspecify.annotations.NullMarked;
