/**
 * The provider {@code rdma:}: reliable connected queue pairs between two Godwits. Written bytes
 * travel as frames through registered rings, put bytes one-sidedly from the caller's region into
 * the peer's. How they look on the wire is in {@code .wire}, what makes them move in {@code
 * .verbs}; nothing here knows migrations.
 */
@NullMarked
package dev.godwit.transport.rdma;

import org.jspecify.annotations.NullMarked;
