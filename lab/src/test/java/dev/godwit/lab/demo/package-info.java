/** Tests of {@code godwit demo}, as a process of its own and piece by piece. */
@NullMarked
package dev.godwit.lab.demo;

import org.jspecify.annotations.NullMarked;
