/**
 * Carrying a migration between two QEMUs that know nothing of it: connections are told apart,
 * joined in the order in which they came, and forwarded byte for byte with bounded memory.
 *
 * <p>All decisions are made by one thread in {@link dev.godwit.migration.proxy.Proxy}; the threads
 * that move bytes only report to it. Nothing here changes a byte, knows a provider, or speaks QMP.
 */
@NullMarked
package dev.godwit.migration.proxy;

import org.jspecify.annotations.NullMarked;
