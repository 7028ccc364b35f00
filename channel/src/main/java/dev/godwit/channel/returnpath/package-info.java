/**
 * What the destination answers on the main channel (qemu-wire.md §5.1): its messages, a reader of
 * them, what a source waits to hear, and a watcher for those who only carry the bytes and change
 * nothing. Two messages are Godwit's own; no QEMU sends them, and none is sent them.
 */
@NullMarked
package dev.godwit.channel.returnpath;

import org.jspecify.annotations.NullMarked;
