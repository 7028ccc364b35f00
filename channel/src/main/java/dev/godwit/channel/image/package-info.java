/**
 * Guests at rest: a receiver that keeps what a source sends, a sender that sends it again, and
 * between them an image that neither knows where it came from nor where it goes.
 *
 * <p>A file that is written as it is sent is an ordinary channel and needs nothing here. Where each
 * page has its place in a file (mapped-ram, qemu-wire.md §6), nothing but that format's reader and
 * writer knows so, and they know the file as a {@code PositionedChannel}.
 */
@NullMarked
package dev.godwit.channel.image;

import org.jspecify.annotations.NullMarked;
