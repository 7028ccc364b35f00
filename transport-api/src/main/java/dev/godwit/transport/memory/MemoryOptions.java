package dev.godwit.transport.memory;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The settings of one side.
 *
 * @param placement {@code INLINE}, or {@code RECORDED} for {@code placement=direct}
 * @param seed of the moments at which this side's puts are copied
 * @param bufferBytes how many written bytes of one channel of this side can be on their way
 * @param backlog how many channels can wait to be accepted
 */
record MemoryOptions(Placement placement, long seed, int bufferBytes, int backlog) {
  private static final int DEFAULT_BUFFER_BYTES = 256 * 1024;

  /** One gigabyte is beyond every use, and its ring is still one array. */
  private static final int MAX_BUFFER_BYTES = 1 << 30;

  /** As many as the channels of the widest migration. */
  private static final int DEFAULT_BACKLOG = 256;

  static Map<String, String> settings() {
    return new TreeMap<>(
        Map.of(
            "placement", "inline or direct: how put bytes travel, the same on both sides (inline)",
            "seed", "number that fixes when puts of this side are copied (random)",
            "buffer", "bytes this side can write before the peer reads (256k)",
            "backlog", "channels that can wait to be accepted (256)"));
  }

  static MemoryOptions of(Endpoint endpoint) {
    Settings settings = endpoint.settings();
    settings.requireKnown(endpoint.scheme(), settings().keySet());
    if (endpoint.address().isEmpty()) {
      throw new EndpointException("'" + endpoint + "' has no name, write mem:name");
    }
    long buffer = settings.bytes("buffer", DEFAULT_BUFFER_BYTES);
    if (buffer < 1 || buffer > MAX_BUFFER_BYTES) {
      throw new EndpointException(
          "Setting buffer must be from 1 byte to 1G, not " + buffer + " bytes");
    }
    return new MemoryOptions(
        placement(settings),
        seed(settings),
        (int) buffer,
        settings.number("backlog", DEFAULT_BACKLOG, 1, Integer.MAX_VALUE));
  }

  /** {@code endpoint} with the seed in it, so that whoever logs a channel can repeat its run. */
  Endpoint withSeed(Endpoint endpoint) {
    boolean told = placement == Placement.INLINE || endpoint.settings().text("seed").isPresent();
    return told ? endpoint : endpoint.with(endpoint.settings().with("seed", Long.toString(seed)));
  }

  Capabilities capabilities() {
    return new Capabilities(placement, Protection.LOCAL, true, true, true);
  }

  private static Placement placement(Settings settings) {
    String text = settings.text("placement").orElse("inline");
    return switch (text) {
      case "inline" -> Placement.INLINE;
      case "direct" -> Placement.RECORDED;
      default ->
          throw new EndpointException(
              "Setting placement must be inline or direct, not '" + text + "'");
    };
  }

  private static long seed(Settings settings) {
    String text = settings.text("seed").orElse("");
    if (text.isEmpty()) {
      return ThreadLocalRandom.current().nextLong();
    }
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new EndpointException("Setting seed must be a number, not '" + text + "'");
    }
  }
}
