/**
 * Directories of credentials in QEMU's layout (qemu-wire.md §7): read, checked, shown and made.
 * Keys are in arrays that are cleared, never in strings.
 */
@NullMarked
package dev.godwit.transport.tls.credentials;

import org.jspecify.annotations.NullMarked;
