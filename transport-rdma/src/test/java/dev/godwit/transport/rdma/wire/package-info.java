/** Tests of what is on the wire, with golden bytes and hostile ones. */
@NullMarked
package dev.godwit.transport.rdma.wire;

import org.jspecify.annotations.NullMarked;
