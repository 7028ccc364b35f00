/**
 * The seam: what a migration needs of a transport, and nothing more.
 *
 * <p>Everything above (stream codec, multifd, engine, proxy) knows only these types; everything
 * below (sockets, files, verbs) implements them. A type of a provider never appears here, and
 * nothing here opens, parses or moves QEMU's migration stream. The law that all providers keep
 * stands on {@link dev.godwit.transport.Channel}.
 */
@NullMarked
package dev.godwit.transport;

import org.jspecify.annotations.NullMarked;
