/**
 * What a connection is to a migration, told from its first bytes: main, multifd, preempt, recovery,
 * or none of ours.
 *
 * <p>QEMU's wire leaves no room for a hello, so identity is decided above the seam by looking and
 * never by asking the transport. What stands behind those first bytes is not parsed here, except
 * the head of the main stream, which says how many connections may follow. A destination finds its
 * channels among all that knock by it ({@link dev.godwit.channel.identity.Arrivals}).
 */
@NullMarked
package dev.godwit.channel.identity;

import org.jspecify.annotations.NullMarked;
