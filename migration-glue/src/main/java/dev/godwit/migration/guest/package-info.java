/**
 * What the engine knows of a guest: memory, a log of what it changes in it, devices, and the few
 * things that can be done to it. Whoever has a machine monitor of his own implements this, and
 * inherits its contract test. Nothing here knows of channels but for the bytes of a device.
 */
@NullMarked
package dev.godwit.migration.guest;

import org.jspecify.annotations.NullMarked;
