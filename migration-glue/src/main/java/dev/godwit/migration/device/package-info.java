/**
 * Device state as described, versioned data: declared once as a {@link
 * dev.godwit.migration.device.StateFormat}, and saved, loaded, described and compared from that one
 * declaration. The bytes are those of QEMU's wire (qemu-wire.md §1.5 to §1.7): big-endian fields
 * without names, marks between the entries of a list, optional subsections with versions of their
 * own.
 *
 * <p>What is loaded comes from somebody else: every count is held against its declared maximum
 * before memory is taken for it. Nothing here knows a particular device, or the engine.
 */
@NullMarked
package dev.godwit.migration.device;

import org.jspecify.annotations.NullMarked;
