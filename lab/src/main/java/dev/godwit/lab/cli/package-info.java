/** {@code godwit lab}: what a developer or a curious user does with the lab. */
@NullMarked
package dev.godwit.lab.cli;

import org.jspecify.annotations.NullMarked;
