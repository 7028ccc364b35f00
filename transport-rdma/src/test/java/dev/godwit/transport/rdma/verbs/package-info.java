/**
 * The verbs against real libraries: those of tag {@code softroce} need an RDMA device, and run in
 * the lab VM.
 */
@NullMarked
package dev.godwit.transport.rdma.verbs;

import org.jspecify.annotations.NullMarked;
