@NullMarked
package dev.godwit.transport.rdma.qemu;

import org.jspecify.annotations.NullMarked;
