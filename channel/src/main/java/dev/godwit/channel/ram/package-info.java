/**
 * Guest memory in a migration: RAM blocks, the table that announces them, the records of a RAM
 * section, and the encodings that a page can travel in (qemu-wire.md §3).
 *
 * <p>How put bytes travel, inline, recorded or silent, is handled here and nowhere above. Nothing
 * here knows a guest, a QEMU process, a file or a provider; multifd channels are {@code
 * .multifd}'s.
 */
@NullMarked
package dev.godwit.channel.ram;

import org.jspecify.annotations.NullMarked;
