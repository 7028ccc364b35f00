package dev.godwit.migration.proxy;

import java.time.Duration;

/**
 * How a proxy carries.
 *
 * @param opaque carry any bytes: nothing is recognised, each connection stands for itself
 * @param firstBytes how long a connection may stay silent before its migration is recognised
 * @param dial how long one connection downstream may take
 * @param bufferBytes what one channel holds in each direction, at the most
 */
public record ProxyOptions(boolean opaque, Duration firstBytes, Duration dial, int bufferBytes) {
  private static final Duration FIRST_BYTES = Duration.ofSeconds(10);
  private static final Duration DIAL = Duration.ofSeconds(20);

  /**
   * Small enough to stay in a core's cache between the two copies, large enough that calls do not
   * count.
   */
  private static final int BUFFER_BYTES = 256 * 1024;

  /** For migrations of QEMU. */
  public static ProxyOptions migration() {
    return new ProxyOptions(false, FIRST_BYTES, DIAL, BUFFER_BYTES);
  }

  /** For anything else. */
  public static ProxyOptions anyBytes() {
    return new ProxyOptions(true, FIRST_BYTES, DIAL, BUFFER_BYTES);
  }
}
