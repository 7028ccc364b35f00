package dev.godwit.transport.rdma;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Settings;
import dev.godwit.transport.rdma.wire.Greeting;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the settings of an {@code rdma:} endpoint ask for.
 *
 * @param address whom to dial or where to listen
 * @param pinAll whether whole regions are registered as soon as can be
 * @param pinChunkBytes how much of them at a time
 * @param minChunkBytes the least that is registered on demand
 * @param maxChunkBytes the most; equal ones do not adjust
 * @param maxRegisteredBytes of regions, at this side
 * @param slots frames that may be under way in each direction
 * @param slotBytes a frame at most
 * @param writes puts under way, after cutting them up
 * @param returnPath whether a plain QEMU at the other end has a connection for its return path
 * @param spin how long a waiting thread polls before it sleeps
 * @param liveness of silence before the peer is probed; zero never does
 */
record RdmaOptions(
    HostPort address,
    boolean pinAll,
    long pinChunkBytes,
    long minChunkBytes,
    long maxChunkBytes,
    long maxRegisteredBytes,
    int slots,
    int slotBytes,
    int writes,
    boolean returnPath,
    Duration spin,
    Duration liveness) {
  static final Map<String, String> SETTINGS = settingTexts();

  private static final long MIN_CHUNK = 1 << 20;
  private static final long MAX_CHUNK = 1 << 30;
  private static final long MIN_REGISTERED = 8 << 20;

  /** Enough for chunks to grow, little enough for a host that runs other guests. */
  private static final long MAX_REGISTERED = 8L << 30;

  /** More than any host has. */
  private static final long MOST_REGISTERED = 1L << 50;

  private static final int SLOTS = 32;
  private static final int SLOT_BYTES = 32 << 10;
  private static final long MAX_RING_BYTES = 1 << 30;

  /** Enough of 4 KiB pages for the round trip of a fast fabric. */
  private static final int WRITES = 128;

  private static final Duration SPIN = Duration.ofNanos(20_000);
  private static final Duration LIVENESS = Duration.ofSeconds(5);

  static RdmaOptions of(Endpoint endpoint) {
    Settings settings = endpoint.settings();
    settings.requireKnown(endpoint.scheme(), SETTINGS.keySet());
    long chunk = bytes(settings, "chunk", MIN_CHUNK, MIN_CHUNK, MAX_CHUNK);
    long maxChunk = bytes(settings, "max-chunk", Math.max(chunk, MAX_CHUNK), chunk, MAX_CHUNK);
    if (Long.bitCount(chunk) != 1 || Long.bitCount(maxChunk) != 1) {
      throw new EndpointException("Settings chunk and max-chunk must be powers of two");
    }
    int slots = settings.number("slots", SLOTS, 4, Greeting.MAX_SLOTS);
    long slotBytes = bytes(settings, "slot", SLOT_BYTES, 4096, Greeting.MAX_SLOT_BYTES);
    if (Rings.bytes(slots, (int) slotBytes) > MAX_RING_BYTES) {
      throw new EndpointException("Settings slots and slot must not make more than 1 GiB together");
    }
    return new RdmaOptions(
        HostPort.of(endpoint),
        settings.flag("pin-all", false),
        bytes(settings, "pin-chunk", MAX_CHUNK, MIN_CHUNK, 1L << 40),
        chunk,
        maxChunk,
        bytes(
            settings,
            "max-registered",
            settings.flag("pin-all", false) ? MOST_REGISTERED : MAX_REGISTERED,
            MIN_REGISTERED,
            MOST_REGISTERED),
        slots,
        (int) slotBytes,
        settings.number("writes", WRITES, 1, 1 << 14),
        settings.flag("return-path", false),
        settings.duration("spin", SPIN),
        settings.duration("liveness", LIVENESS));
  }

  private static long bytes(Settings settings, String key, long otherwise, long min, long max) {
    long value = settings.bytes(key, otherwise);
    if (value < min || value > max) {
      throw new EndpointException(
          "Setting " + key + " must be from " + min + " to " + max + " bytes, not " + value);
    }
    return value;
  }

  /**
   * The same under a limit of locked memory, of which half is left for rings.
   *
   * @param lockable in bytes
   */
  RdmaOptions within(long lockable) {
    long regions = Math.max(MIN_REGISTERED, lockable / 2);
    if (pinAll || regions >= maxRegisteredBytes) {
      return this;
    }
    return new RdmaOptions(
        address,
        pinAll,
        pinChunkBytes,
        minChunkBytes,
        maxChunkBytes,
        regions,
        slots,
        slotBytes,
        writes,
        returnPath,
        spin,
        liveness);
  }

  /** What the peer may have registered here on demand, and what this side may for its own puts. */
  long ceiling() {
    return (maxRegisteredBytes - pinCeiling()) / 2;
  }

  /** What may be registered in whole regions. */
  long pinCeiling() {
    return pinAll ? maxRegisteredBytes / 2 : 0;
  }

  private static Map<String, String> settingTexts() {
    Map<String, String> texts = new TreeMap<>();
    texts.put(
        "pin-all", "on: register whole regions at once instead of what is put (default: off)");
    texts.put("pin-chunk", "with pin-all, how much is registered at a time (default: 1G)");
    texts.put("chunk", "the least that is registered on demand, a power of two (default: 1M)");
    texts.put("max-chunk", "to what that grows while puts follow one another (default: 1G)");
    texts.put(
        "max-registered",
        "the most of all regions that is registered at this side at a time, in equal parts for what"
            + " comes in and what goes out (default: 8G; with pin-all no limit)");
    texts.put("slots", "frames under way in each direction, 4 to 1024 (default: 32)");
    texts.put("slot", "the longest frame, 4k to 16M (default: 32k)");
    texts.put("writes", "writes under way at a time (default: 128)");
    texts.put(
        "return-path",
        "on: a plain QEMU at the other end has a second connection, for its return path (default:"
            + " off)");
    texts.put("spin", "how long a waiting thread polls before it sleeps (default: 20us)");
    texts.put(
        "liveness",
        "silence after which the peer is probed; it is lost after three times that (default: 5s;"
            + " 0s: never)");
    return Map.copyOf(texts);
  }
}
