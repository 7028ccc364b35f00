/** Tests of multifd: frames, compressions, sender and receiver. */
@NullMarked
package dev.godwit.channel.multifd;

import org.jspecify.annotations.NullMarked;
