/**
 * Live migrations of the embedded lab guest by the engine: over every provider, in every way, and
 * with everything that can go wrong on the way.
 */
@NullMarked
package dev.godwit.lab.engine;

import org.jspecify.annotations.NullMarked;
