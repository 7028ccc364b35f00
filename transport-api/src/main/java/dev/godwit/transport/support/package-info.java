/**
 * What provider authors share: lifecycle, placement over plain bytes, registrations where nothing
 * needs registering, peeking.
 *
 * <p>Nothing here knows a scheme, and nothing above the seam but {@link
 * dev.godwit.transport.support.ChannelReader} is meant to be used by code that is no provider.
 */
@NullMarked
package dev.godwit.transport.support;

import org.jspecify.annotations.NullMarked;
