/** Tests of what keeps the channels of a migration in step. */
@NullMarked
package dev.godwit.channel.pages;

import org.jspecify.annotations.NullMarked;
