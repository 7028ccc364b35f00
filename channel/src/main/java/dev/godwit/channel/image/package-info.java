/**
 * Images in which each page of guest memory has its place: mapped-ram files (qemu-wire.md §6).
 *
 * <p>Nothing but the reader and the writer here knows that the other end is a file, and they know
 * it as a {@code PositionedChannel}. The stream around the pages, its block table included, is read
 * and written as any other; an image without places is an ordinary stream and needs nothing here.
 */
@NullMarked
package dev.godwit.channel.image;

import org.jspecify.annotations.NullMarked;
