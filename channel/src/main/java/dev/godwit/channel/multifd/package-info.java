/**
 * Multifd: guest pages over many channels beside the main one (qemu-wire.md §4). Frames, the
 * compressions that a channel's payload can travel in, and the two sides: a sender and a receiver
 * with one platform thread a channel, which meet the main channel at sync marks.
 *
 * <p>The main channel, its RAM records and its marks are {@code .stream}'s and {@code .ram}'s; who
 * is which connection is {@code .identity}'s. Nothing here knows a provider, a QEMU process or a
 * file.
 */
@NullMarked
package dev.godwit.channel.multifd;

import org.jspecify.annotations.NullMarked;
