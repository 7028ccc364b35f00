package dev.godwit.transport;

/**
 * What a channel has moved so far. A snapshot; the numbers only grow.
 *
 * @param bytesRead taken by read, in bytes
 * @param bytesWritten handed over by write, in bytes
 * @param bytesGot taken by get, in bytes
 * @param bytesPut handed over by put, in bytes
 * @param outstandingPuts puts that may still read the sender's memory
 * @param unconfirmedEnd the peer's output ended without the word by which it could have said so, as
 *     TLS without close_notify: whoever can cut the connection can have ended it, and whether all
 *     has arrived is for the stream to tell
 */
public record ChannelStats(
    long bytesRead,
    long bytesWritten,
    long bytesGot,
    long bytesPut,
    long outstandingPuts,
    boolean unconfirmedEnd) {}
