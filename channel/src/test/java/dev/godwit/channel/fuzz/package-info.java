/**
 * What every decoder must bear, as one function of bytes each. They run over their seeds with all
 * other tests; the profile {@code fuzz} has Jazzer look for more.
 */
@NullMarked
package dev.godwit.channel.fuzz;

import org.jspecify.annotations.NullMarked;
