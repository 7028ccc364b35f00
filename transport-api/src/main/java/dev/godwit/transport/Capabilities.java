package dev.godwit.transport;

/**
 * What a channel costs and can carry. Every method of {@link Channel} works whatever stands here;
 * the contract tests hold each provider to what it declares.
 *
 * @param placement how put bytes travel
 * @param protection who can read the bytes on their way
 * @param manyChannels one address carries several channels of one migration (multifd, preempt)
 * @param bidirectional the peer can answer; on a one-way channel the other direction has ended from
 *     the start
 * @param halfClose after {@code shutdownOutput} the peer's bytes still arrive; if false, ending the
 *     output may end the channel
 */
public record Capabilities(
    Placement placement,
    Protection protection,
    boolean manyChannels,
    boolean bidirectional,
    boolean halfClose) {}
