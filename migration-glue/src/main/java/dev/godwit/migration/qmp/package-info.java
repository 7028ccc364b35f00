/**
 * A client of QMP, QEMU's machine protocol, over a unix socket: greeting, capability negotiation,
 * commands matched to their answers, out-of-band commands, events.
 *
 * <p>It knows the protocol and no command of it: what QEMU's migration commands are called and mean
 * lives in {@code dev.godwit.migration.qemu}. Nothing here starts a process or retries.
 */
@NullMarked
package dev.godwit.migration.qmp;

import org.jspecify.annotations.NullMarked;
