/**
 * Running guests that cross Godwit between real QEMUs, judged by themselves and by their memory.
 */
@NullMarked
package dev.godwit.lab.migration;

import org.jspecify.annotations.NullMarked;
