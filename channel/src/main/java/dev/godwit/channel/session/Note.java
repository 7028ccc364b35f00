package dev.godwit.channel.session;

/**
 * What the users of the two ends of a session tell each other. It arrives whole, once, in order,
 * and whatever becomes of links.
 *
 * @param kind 0 to 65,535; its meaning is the users' own
 * @param body at most 64 KiB; not to be changed any more
 */
@SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
public record Note(int kind, byte[] body) {}
