/**
 * What two Godwits say to each other over {@code rdma:}: the private data of a connection, and the
 * frames. One class a thing on the wire; each reads what a hostile peer may have written. No verbs
 * and no state of a channel here.
 */
@NullMarked
package dev.godwit.transport.rdma.wire;

import org.jspecify.annotations.NullMarked;
