/** What is told of streams that were made by hand, whole and damaged. */
@NullMarked
package dev.godwit.channel.inspect;

import org.jspecify.annotations.NullMarked;
