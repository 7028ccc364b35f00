/**
 * The shared channel and its descriptors beneath it, on real sockets; and what the tests of this
 * module use.
 */
@NullMarked
package dev.godwit.transport.kernel;

import org.jspecify.annotations.NullMarked;
