/**
 * What the destination answers on the main channel (qemu-wire.md §5.1). Here is a watcher for those
 * who carry the bytes; it changes nothing.
 */
@NullMarked
package dev.godwit.channel.returnpath;

import org.jspecify.annotations.NullMarked;
