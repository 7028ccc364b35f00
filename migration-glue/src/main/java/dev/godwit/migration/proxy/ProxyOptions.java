package dev.godwit.migration.proxy;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * How a proxy carries.
 *
 * @param opaque carry any bytes: nothing is recognised, each connection stands for itself
 * @param firstBytes how long a connection may stay silent before its migration is recognised
 * @param dial how long one connection downstream may take
 * @param multifdChannels how many multifd channels the destination takes: it closes further ones
 *     unread and runs the guest without what was in them (qemu-wire.md §4.2), so a migration that
 *     opens more is broken off
 * @param bufferBytes what one channel holds in each direction, at the most
 * @param copyBytes how much memory may be taken for a guest that has to be kept on its way, because
 *     one of the two transports places memory unseen; asked for each such guest
 */
public record ProxyOptions(
    boolean opaque,
    Duration firstBytes,
    Duration dial,
    int multifdChannels,
    int bufferBytes,
    LongSupplier copyBytes) {
  /** QEMU's own limit. */
  private static final int MOST_MULTIFD_CHANNELS = 255;

  private static final Duration FIRST_BYTES = Duration.ofSeconds(10);
  private static final Duration DIAL = Duration.ofSeconds(20);

  /**
   * Small enough to stay in a core's cache between the two copies, large enough that calls do not
   * count.
   */
  private static final int BUFFER_BYTES = 256 * 1024;

  /** For migrations of QEMU. */
  public static ProxyOptions migration() {
    return new ProxyOptions(
        false, FIRST_BYTES, DIAL, MOST_MULTIFD_CHANNELS, BUFFER_BYTES, ProxyOptions::freeBytes);
  }

  /** For anything else. */
  public static ProxyOptions anyBytes() {
    return new ProxyOptions(
        true, FIRST_BYTES, DIAL, MOST_MULTIFD_CHANNELS, BUFFER_BYTES, ProxyOptions::freeBytes);
  }

  private static long freeBytes() {
    return HostMemory.availableBytes().orElse(Long.MAX_VALUE);
  }

  /** The same for a destination that is known to take so many multifd channels. */
  public ProxyOptions takingMultifd(int channels) {
    return new ProxyOptions(opaque, firstBytes, dial, channels, bufferBytes, copyBytes);
  }

  /** The same where a guest that has to be kept may take no more than {@code bytes} tells. */
  public ProxyOptions keeping(LongSupplier bytes) {
    return new ProxyOptions(opaque, firstBytes, dial, multifdChannels, bufferBytes, bytes);
  }
}
