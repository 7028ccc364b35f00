/**
 * {@code tcp:}, migration over TCP with IPv4 and IPv6, as QEMU's {@code tcp:} speaks it.
 *
 * <p>Names, options and timeouts of TCP live here; moving bytes does not.
 */
@NullMarked
package dev.godwit.transport.tcp;

import org.jspecify.annotations.NullMarked;
