/** Tests of the lab guest: above all that it notices what a bad migration would do to it. */
@NullMarked
package dev.godwit.lab.embedded;

import org.jspecify.annotations.NullMarked;
