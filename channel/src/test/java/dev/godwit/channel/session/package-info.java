/** Sessions over links that break, damage and disappear. */
@NullMarked
package dev.godwit.channel.session;

import org.jspecify.annotations.NullMarked;
