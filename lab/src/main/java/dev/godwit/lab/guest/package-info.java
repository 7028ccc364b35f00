/**
 * Guests that know whether they survived a migration, and the real QEMUs that run them.
 *
 * <p>The guest is a boot sector that Godwit assembles itself: it dirties and checks its memory and
 * counts aloud on the serial port, so that a page left behind, a flipped bit and a repeated moment
 * are found by the guest or by the reader of its serial log. A {@link dev.godwit.lab.guest.Qemu} is
 * one owned QEMU process. Nothing here speaks QMP or knows a transport: who migrates the guest, and
 * how, is the caller's business.
 */
@NullMarked
package dev.godwit.lab.guest;

import org.jspecify.annotations.NullMarked;
