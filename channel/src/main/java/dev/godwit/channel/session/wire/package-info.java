/**
 * The frames that two ends of a session exchange over a link (docs/sessions.md): headers,
 * greetings, what each side has, and the messages of stream 0. Every decoder here is given bytes of
 * a stranger: it checks before it allocates, and what it refuses it names. Nothing here knows a
 * thread or a channel.
 */
@NullMarked
package dev.godwit.channel.session.wire;

import org.jspecify.annotations.NullMarked;
