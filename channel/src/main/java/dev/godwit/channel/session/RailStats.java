package dev.godwit.channel.session;

import java.time.Duration;
import java.util.Optional;

/**
 * What one rail has carried so far, over all its links.
 *
 * @param number the same at both ends
 * @param address the other end of its link, or of its last one
 * @param connected whether it has a link now
 * @param losses how many of its links were lost
 * @param bytesSent bytes of chunks, those sent again included
 * @param bytesReceived bytes of chunks, those that came twice included
 * @param roundTrip the quickest answer of the last link
 */
public record RailStats(
    int number,
    String address,
    boolean connected,
    int losses,
    long bytesSent,
    long bytesReceived,
    Optional<Duration> roundTrip) {}
