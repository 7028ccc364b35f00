/**
 * {@code fd:}, migration over a descriptor that this process was started with, by its number or by
 * the name that systemd gave it.
 *
 * <p>Which descriptors may be taken over, and what kind of channel each makes, is decided here.
 */
@NullMarked
package dev.godwit.transport.fd;

import org.jspecify.annotations.NullMarked;
