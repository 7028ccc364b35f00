/**
 * A session between two Godwits (docs/sessions.md): streams that outlive the links they travel
 * over. {@link dev.godwit.channel.session.Session} is a dialer and a listener of streams, each of
 * which is a channel; {@link dev.godwit.channel.session.SessionListener} takes sessions in. Beneath
 * are links, one a rail, which are channels of any provider.
 *
 * <p>Nothing here knows what a stream carries, nor which provider a link is of.
 */
@NullMarked
package dev.godwit.channel.session;

import org.jspecify.annotations.NullMarked;
