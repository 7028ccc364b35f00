/**
 * What the destination answers on the main channel (qemu-wire.md §5.1): its messages, a reader of
 * them for a source, and a watcher for those who only carry the bytes and change nothing.
 */
@NullMarked
package dev.godwit.channel.returnpath;

import org.jspecify.annotations.NullMarked;
