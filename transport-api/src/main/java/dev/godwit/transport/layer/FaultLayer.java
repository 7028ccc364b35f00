package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import java.time.Duration;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code fault=…}: what goes wrong with networks, on purpose.
 *
 * <dl>
 *   <dt>{@code flip:N}
 *   <dd>bit {@code N mod 8} of the N-th byte sent (the first is 1; bit 0 is the lowest) arrives
 *       inverted; put bytes are damaged in a copy, and that copy is placed
 *   <dt>{@code cut:N}
 *   <dd>the connection is lost at the N-th byte sent, which does not arrive any more
 *   <dt>{@code delay:20ms}
 *   <dd>each write and each put is held up for so long before it is handed on
 *   <dt>{@code short}, {@code short:SEED}
 *   <dd>reads return less than they could, writes and puts are handed on in odd pieces
 *   <dt>{@code random:SEED}
 *   <dd>the connection is lost at a random byte up to 1 GiB, small ones as likely as large ones,
 *       and I/O is short until then; the byte is logged
 * </dl>
 *
 * <p>Bytes are counted for each channel by itself, written and put bytes alike, in the order in
 * which they are sent; N takes the suffixes k, M, G and may exceed 2 GiB. The n-th channel of a
 * dialer or listener draws from SEED and n, so the same seed does the same again.
 */
public final class FaultLayer implements Layer {
  private static final Logger LOG = LoggerFactory.getLogger(FaultLayer.class);

  /** Random losses fall below 2 to this power. */
  private static final int MAX_RANDOM_POWER = 30;

  @Override
  public String key() {
    return "fault";
  }

  @Override
  public String grammar() {
    return "flip:N, cut:N, delay:TIME, short[:SEED] or random:SEED";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Protection protection(Protection beneath) {
    return beneath;
  }

  @Override
  public boolean waits() {
    return false;
  }

  @Override
  public Wrapping configure(Naming naming) {
    String value = naming.value();
    int colon = value.indexOf(':');
    String kind = colon < 0 ? value : value.substring(0, colon);
    String argument = colon < 0 ? "" : value.substring(colon + 1);
    return switch (kind) {
      case "flip" -> flip(count(value, argument));
      case "cut" -> cut(count(value, argument));
      case "delay" -> delay(Settings.parseDuration(key(), argument));
      case "short" ->
          shortened(colon < 0 ? ThreadLocalRandom.current().nextLong() : seed(value, argument));
      case "random" -> random(seed(value, argument));
      default -> throw wrong(value);
    };
  }

  private static Wrapping flip(long at) {
    return (inner, deadline) -> new FlipChannel(inner, at);
  }

  private static Wrapping cut(long at) {
    return (inner, deadline) -> new CutChannel(inner, at, "fault=cut:" + at);
  }

  private static Wrapping delay(Duration delay) {
    return (inner, deadline) -> new DelayChannel(inner, delay);
  }

  private static Wrapping shortened(long seed) {
    AtomicInteger channels = new AtomicInteger();
    return (inner, deadline) -> {
      int n = channels.getAndIncrement();
      LOG.info("Channel {} has short reads and writes by fault=short:{}", serial(inner), seed);
      return new ShortChannel(inner, mixed(seed, n));
    };
  }

  private static Wrapping random(long seed) {
    AtomicInteger channels = new AtomicInteger();
    return (inner, deadline) -> {
      long mixed = mixed(seed, channels.getAndIncrement());
      long at = randomByte(new SplittableRandom(mixed));
      LOG.info("Channel {} is lost at byte {} by fault=random:{}", serial(inner), at, seed);
      return new ShortChannel(new CutChannel(inner, at, "fault=random:" + seed), mixed);
    };
  }

  /** Each power of two is as likely as each other, and each byte within one. */
  static long randomByte(RandomGenerator random) {
    long power = 1L << random.nextInt(MAX_RANDOM_POWER);
    return power + random.nextLong(power);
  }

  private static long serial(Channel channel) {
    return channel.info().serial();
  }

  private static long mixed(long seed, int n) {
    return seed * 31 + n;
  }

  private long count(String value, String text) {
    if (text.isEmpty()) {
      throw wrong(value);
    }
    long count = Settings.parseBytes(key(), text);
    if (count == 0) {
      throw new EndpointException("In fault=" + value + " the first byte is 1, not 0");
    }
    return count;
  }

  private long seed(String value, String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw wrong(value);
    }
  }

  private EndpointException wrong(String value) {
    return new EndpointException(
        "Setting fault must be " + grammar() + ", as in fault=cut:1M, not '" + value + "'");
  }
}
