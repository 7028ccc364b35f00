/**
 * What goes wrong with a migration between real QEMUs in the middle of it, and that the guest is
 * then whole, at one side, and known to be there.
 */
@NullMarked
package dev.godwit.lab.failure;

import org.jspecify.annotations.NullMarked;
