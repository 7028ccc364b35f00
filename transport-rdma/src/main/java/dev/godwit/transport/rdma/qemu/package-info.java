/**
 * What QEMU says over its own {@code rdma:} (qemu-rdma-wire.md): the private data of a connection,
 * and the control messages. One class a thing on the wire; each reads what a hostile peer may have
 * written. No verbs and no state of a channel here.
 */
@NullMarked
package dev.godwit.transport.rdma.qemu;

import org.jspecify.annotations.NullMarked;
