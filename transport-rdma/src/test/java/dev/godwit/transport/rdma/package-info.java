/**
 * Tests of the provider: on any host with a fabric of memory in place of verbs, and with the tag
 * {@code softroce} on a device.
 */
@NullMarked
package dev.godwit.transport.rdma;

import org.jspecify.annotations.NullMarked;
