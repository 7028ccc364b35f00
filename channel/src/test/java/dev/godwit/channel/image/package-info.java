@NullMarked
package dev.godwit.channel.image;

import org.jspecify.annotations.NullMarked;
