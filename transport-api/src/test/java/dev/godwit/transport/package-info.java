/** Tests of the seam's own values: endpoints, settings, deadlines, and what is found by name. */
@NullMarked
package dev.godwit.transport;

import org.jspecify.annotations.NullMarked;
