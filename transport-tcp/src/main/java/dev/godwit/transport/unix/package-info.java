/**
 * {@code unix:}, migration over a socket in the file system, as QEMU's {@code unix:} and libvirt's
 * {@code unix://} speak it.
 *
 * <p>What the socket's file is and who may use it is decided here; moving bytes is not.
 */
@NullMarked
package dev.godwit.transport.unix;

import org.jspecify.annotations.NullMarked;
