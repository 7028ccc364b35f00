/**
 * Streams recorded from real QEMUs, and Godwit's codec judged by them: what it makes of a stream
 * must be the memory that QEMU itself saved.
 */
@NullMarked
package dev.godwit.lab.stream;

import org.jspecify.annotations.NullMarked;
