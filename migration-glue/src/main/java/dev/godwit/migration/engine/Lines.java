package dev.godwit.migration.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelStats;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The channels of one migration by their names, for whoever wants to know what they have moved. Any
 * thread.
 */
final class Lines {
  private final SortedMap<String, Channel> channels = new TreeMap<>();
  private Supplier<Map<Integer, Channel>> multifd = Map::of;

  synchronized void main(Channel channel) {
    channels.put(MigrationStatistics.MAIN, channel);
  }

  synchronized void multifd(int id, Channel channel) {
    channels.put("multifd " + id, channel);
  }

  /** Multifd channels by their ids, as far as they have come when it is asked. */
  synchronized void multifd(Supplier<Map<Integer, Channel>> arrived) {
    multifd = arrived;
  }

  /** What each channel has moved in both directions, in bytes on it. */
  synchronized SortedMap<String, Long> bytes() {
    multifd.get().forEach(this::multifd);
    SortedMap<String, Long> bytes = new TreeMap<>();
    channels.forEach((name, channel) -> bytes.put(name, bytes(channel.stats())));
    return bytes;
  }

  /** The sum of all, which only grows. */
  long total() {
    return bytes().values().stream().mapToLong(Long::longValue).sum();
  }

  private static long bytes(ChannelStats stats) {
    return stats.bytesRead() + stats.bytesWritten() + stats.bytesGot() + stats.bytesPut();
  }
}
