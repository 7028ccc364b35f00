package dev.godwit.channel.image;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.PeerIdentity;

/**
 * One channel of an image's way here or from here.
 *
 * @param peer who the other side has shown to be
 * @param stats what the channel has moved so far
 */
public record ChannelAccount(PeerIdentity peer, ChannelStats stats) {
  static ChannelAccount of(Channel channel) {
    return new ChannelAccount(channel.info().identity(), channel.stats());
  }

  /** Bytes that came in, however they were moved. */
  public long receivedBytes() {
    return stats.bytesRead() + stats.bytesGot();
  }

  /** Bytes that went out, however they were moved. */
  public long sentBytes() {
    return stats.bytesWritten() + stats.bytesPut();
  }
}
