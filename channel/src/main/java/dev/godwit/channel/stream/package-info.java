/**
 * QEMU's migration stream as it travels on its main channel: file header, configuration, sections,
 * commands, description (qemu-wire.md §0 to §2), and the means to read and write any of it over a
 * channel. One class a frame, with its layout drawn; what a RAM section holds is {@code .ram}'s.
 *
 * <p>Everything read here comes from somebody else: each length is bounded before memory is taken
 * for it, and what cannot be is a {@link dev.godwit.channel.stream.StreamException} that names the
 * channel and the byte. Nothing here knows a provider, a QEMU process or a file.
 */
@NullMarked
package dev.godwit.channel.stream;

import org.jspecify.annotations.NullMarked;
