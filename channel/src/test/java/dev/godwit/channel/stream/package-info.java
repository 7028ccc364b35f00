/**
 * Tests of the main channel's stream: golden bytes of each frame, hostile bytes, and {@link
 * dev.godwit.channel.stream.Wired}, which turns bytes into a channel that brings them.
 */
@NullMarked
package dev.godwit.channel.stream;

import org.jspecify.annotations.NullMarked;
