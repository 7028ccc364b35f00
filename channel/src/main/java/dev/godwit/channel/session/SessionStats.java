package dev.godwit.channel.session;

import java.time.Duration;
import java.util.List;

/**
 * What a session has done so far. A snapshot.
 *
 * @param rails in the order of their numbers
 * @param bytesSent bytes of streams, each once, that were sent
 * @param bytesReceived bytes of streams, each once, that arrived and were found whole
 * @param bytesSentAgain what was sent a second time, after a loss or a damage
 * @param damagedChunks chunks that arrived damaged and were asked for again, or broke their link
 * @param outages how often there was no link
 * @param away how long that was in all, the present outage included
 * @param windowBytes how much of each stream may be on its way to the other side
 * @param mostOnTheWay the most of all streams together that was on its way at once, and kept here
 */
public record SessionStats(
    List<RailStats> rails,
    long bytesSent,
    long bytesReceived,
    long bytesSentAgain,
    long damagedChunks,
    int outages,
    Duration away,
    int windowBytes,
    long mostOnTheWay) {}
