/**
 * Pages of guest memory on all channels of one migration at once: what its main channel carries in
 * the sections of RAM, and what goes over multifd channels beside it, kept in step. Images and live
 * guests send and receive through this alike.
 *
 * <p>Which page is sent and when, and what becomes of the guest, is decided elsewhere.
 */
@NullMarked
package dev.godwit.channel.pages;

import org.jspecify.annotations.NullMarked;
