/**
 * What provider authors share: lifecycle, placement over plain bytes, registrations where nothing
 * needs registering, peeking; and what all share that wait, close and give up: {@link
 * dev.godwit.transport.support.Monitor}, {@link dev.godwit.transport.support.Closing}, {@link
 * dev.godwit.transport.support.Ending}.
 *
 * <p>Nothing here knows a scheme. Above the seam these three and {@link
 * dev.godwit.transport.support.ChannelReader} are used, and nothing that serves providers alone.
 */
@NullMarked
package dev.godwit.transport.support;

import org.jspecify.annotations.NullMarked;
