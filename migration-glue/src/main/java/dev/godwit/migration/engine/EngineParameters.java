package dev.godwit.migration.engine;

import static dev.godwit.migration.engine.EngineParameter.AUTO_CONVERGE;
import static dev.godwit.migration.engine.EngineParameter.CONNECT_TIMEOUT;
import static dev.godwit.migration.engine.EngineParameter.CPU_THROTTLE_INCREMENT;
import static dev.godwit.migration.engine.EngineParameter.CPU_THROTTLE_INITIAL;
import static dev.godwit.migration.engine.EngineParameter.CPU_THROTTLE_TAILSLOW;
import static dev.godwit.migration.engine.EngineParameter.DOWNTIME_LIMIT;
import static dev.godwit.migration.engine.EngineParameter.MAX_BANDWIDTH;
import static dev.godwit.migration.engine.EngineParameter.MAX_CPU_THROTTLE;
import static dev.godwit.migration.engine.EngineParameter.MAX_PASSES;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD_CHANNELS;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD_COMPRESSION;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD_ZLIB_LEVEL;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD_ZSTD_LEVEL;
import static dev.godwit.migration.engine.EngineParameter.PEER_TIMEOUT;
import static dev.godwit.migration.engine.EngineParameter.RETURN_PATH;
import static dev.godwit.migration.engine.EngineParameter.THROTTLE_TRIGGER_THRESHOLD;
import static dev.godwit.migration.engine.EngineParameter.WHOLE_PAGES;
import static dev.godwit.migration.engine.EngineParameter.ZERO_PAGE_DETECTION;
import static java.time.temporal.ChronoUnit.MILLIS;
import static java.time.temporal.ChronoUnit.SECONDS;

import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.migration.qemu.ParameterValue;
import dev.godwit.migration.qemu.ParameterValue.Flag;
import dev.godwit.migration.qemu.ParameterValue.Whole;
import dev.godwit.migration.qemu.ParameterValue.Word;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * What a migration runs with. The names that users write, units, ranges, defaults and meanings
 * stand in {@link EngineParameter}. There is no value of this class that is out of range or at odds
 * with itself: who makes one gets a {@link ParameterException} instead.
 *
 * @param maxBandwidthBytesPerSecond the most that is sent in a second, 0 for no limit
 * @param downtimeLimit the guest is paused for the last pass once that is expected to take no
 *     longer; whole milliseconds
 * @param multifd whether memory travels on channels of its own
 * @param multifdChannels how many those are
 * @param multifdCompression what multifd channels do to pages
 * @param multifdZlibLevel how hard zlib tries
 * @param multifdZstdLevel how hard zstd tries
 * @param autoConverge whether a guest that dirties memory too fast is slowed down
 * @param cpuThrottleInitial percent of its time that the first step takes away
 * @param cpuThrottleIncrement percent that each further step adds
 * @param cpuThrottleTailslow whether the last steps are smaller
 * @param maxCpuThrottle the most percent that is taken away; no less than {@code
 *     cpuThrottleInitial}
 * @param throttleTriggerThreshold how many percent of what a pass sent have to be dirtied meanwhile
 *     for the next step
 * @param zeroPageDetection who looks for zero pages
 * @param returnPath whether the destination answers on the main channel
 * @param maxPasses after as many without convergence a migration fails, 0 for no end
 * @param peerTimeout how long the peer may be silent; whole seconds
 * @param connectTimeout how long connecting may take; whole seconds
 * @param wholePages whether huge pages travel as one unit to a Godwit
 */
public record EngineParameters(
    long maxBandwidthBytesPerSecond,
    Duration downtimeLimit,
    boolean multifd,
    int multifdChannels,
    MultifdCompression multifdCompression,
    int multifdZlibLevel,
    int multifdZstdLevel,
    boolean autoConverge,
    int cpuThrottleInitial,
    int cpuThrottleIncrement,
    boolean cpuThrottleTailslow,
    int maxCpuThrottle,
    int throttleTriggerThreshold,
    ZeroPageDetection zeroPageDetection,
    boolean returnPath,
    int maxPasses,
    Duration peerTimeout,
    Duration connectTimeout,
    boolean wholePages) {

  /** Longer than any parameter takes. */
  private static final Duration LONGEST = Duration.ofDays(1000);

  /**
   * Refuses what no migration can run with.
   *
   * @throws ParameterException with everything that is wrong
   */
  public EngineParameters(
      long maxBandwidthBytesPerSecond,
      Duration downtimeLimit,
      boolean multifd,
      int multifdChannels,
      MultifdCompression multifdCompression,
      int multifdZlibLevel,
      int multifdZstdLevel,
      boolean autoConverge,
      int cpuThrottleInitial,
      int cpuThrottleIncrement,
      boolean cpuThrottleTailslow,
      int maxCpuThrottle,
      int throttleTriggerThreshold,
      ZeroPageDetection zeroPageDetection,
      boolean returnPath,
      int maxPasses,
      Duration peerTimeout,
      Duration connectTimeout,
      boolean wholePages) {
    this.maxBandwidthBytesPerSecond = maxBandwidthBytesPerSecond;
    this.downtimeLimit = downtimeLimit;
    this.multifd = multifd;
    this.multifdChannels = multifdChannels;
    this.multifdCompression = multifdCompression;
    this.multifdZlibLevel = multifdZlibLevel;
    this.multifdZstdLevel = multifdZstdLevel;
    this.autoConverge = autoConverge;
    this.cpuThrottleInitial = cpuThrottleInitial;
    this.cpuThrottleIncrement = cpuThrottleIncrement;
    this.cpuThrottleTailslow = cpuThrottleTailslow;
    this.maxCpuThrottle = maxCpuThrottle;
    this.throttleTriggerThreshold = throttleTriggerThreshold;
    this.zeroPageDetection = zeroPageDetection;
    this.returnPath = returnPath;
    this.maxPasses = maxPasses;
    this.peerTimeout = peerTimeout;
    this.connectTimeout = connectTimeout;
    this.wholePages = wholePages;
    ParameterCheck check = new ParameterCheck(Map.of());
    values().forEach((parameter, value) -> check.set(parameter, value.toString()));
    check.finish();
  }

  /** What holds where nobody has set anything. */
  public static EngineParameters defaults() {
    return of(Map.of());
  }

  /**
   * What users wrote, over the defaults.
   *
   * @param settings values by name, both as a user writes them: {@code max-bandwidth} and {@code
   *     1.5G}
   * @throws ParameterException with everything that is wrong
   */
  public static EngineParameters of(Map<String, String> settings) {
    Map<EngineParameter, ParameterValue> initial = new EnumMap<>(EngineParameter.class);
    for (EngineParameter parameter : EngineParameter.values()) {
      initial.put(parameter, parameter.initial());
    }
    return changed(initial, settings);
  }

  /**
   * The same with one more setting. Settings that only go together are made together, by {@link
   * #with(Map)}.
   *
   * @throws ParameterException if there is no such parameter, or its value is none or is at odds
   *     with the others
   */
  public EngineParameters with(String name, String value) {
    return with(Map.of(name, value));
  }

  /**
   * The same with more settings, which are judged once all are made.
   *
   * @throws ParameterException with everything that is wrong
   */
  public EngineParameters with(Map<String, String> settings) {
    return changed(values(), settings);
  }

  /** Every parameter with its value, in the order of {@link EngineParameter}. */
  public Map<EngineParameter, ParameterValue> values() {
    Map<EngineParameter, ParameterValue> values = new EnumMap<>(EngineParameter.class);
    values.put(MAX_BANDWIDTH, whole(maxBandwidthBytesPerSecond));
    values.put(DOWNTIME_LIMIT, duration(downtimeLimit, MILLIS));
    values.put(MULTIFD, new Flag(multifd));
    values.put(MULTIFD_CHANNELS, whole(multifdChannels));
    values.put(MULTIFD_COMPRESSION, new Word(multifdCompression.toString()));
    values.put(MULTIFD_ZLIB_LEVEL, whole(multifdZlibLevel));
    values.put(MULTIFD_ZSTD_LEVEL, whole(multifdZstdLevel));
    values.put(AUTO_CONVERGE, new Flag(autoConverge));
    values.put(CPU_THROTTLE_INITIAL, whole(cpuThrottleInitial));
    values.put(CPU_THROTTLE_INCREMENT, whole(cpuThrottleIncrement));
    values.put(CPU_THROTTLE_TAILSLOW, new Flag(cpuThrottleTailslow));
    values.put(MAX_CPU_THROTTLE, whole(maxCpuThrottle));
    values.put(THROTTLE_TRIGGER_THRESHOLD, whole(throttleTriggerThreshold));
    values.put(ZERO_PAGE_DETECTION, new Word(zeroPageDetection.toString()));
    values.put(RETURN_PATH, new Flag(returnPath));
    values.put(MAX_PASSES, whole(maxPasses));
    values.put(PEER_TIMEOUT, duration(peerTimeout, SECONDS));
    values.put(CONNECT_TIMEOUT, duration(connectTimeout, SECONDS));
    values.put(WHOLE_PAGES, new Flag(wholePages));
    return Collections.unmodifiableMap(values);
  }

  /** How hard the compression that is set tries. */
  public int multifdLevel() {
    return multifdCompression == MultifdCompression.ZLIB ? multifdZlibLevel : multifdZstdLevel;
  }

  private static EngineParameters changed(
      Map<EngineParameter, ParameterValue> from, Map<String, String> settings) {
    ParameterCheck check = new ParameterCheck(from);
    settings.forEach(check::set);
    Map<EngineParameter, ParameterValue> values = check.finish();
    return new EngineParameters(
        number(values, MAX_BANDWIDTH),
        Duration.ofMillis(number(values, DOWNTIME_LIMIT)),
        flag(values, MULTIFD),
        Math.toIntExact(number(values, MULTIFD_CHANNELS)),
        MultifdCompression.named(word(values, MULTIFD_COMPRESSION)).orElseThrow(),
        Math.toIntExact(number(values, MULTIFD_ZLIB_LEVEL)),
        Math.toIntExact(number(values, MULTIFD_ZSTD_LEVEL)),
        flag(values, AUTO_CONVERGE),
        Math.toIntExact(number(values, CPU_THROTTLE_INITIAL)),
        Math.toIntExact(number(values, CPU_THROTTLE_INCREMENT)),
        flag(values, CPU_THROTTLE_TAILSLOW),
        Math.toIntExact(number(values, MAX_CPU_THROTTLE)),
        Math.toIntExact(number(values, THROTTLE_TRIGGER_THRESHOLD)),
        ZeroPageDetection.named(word(values, ZERO_PAGE_DETECTION)).orElseThrow(),
        flag(values, RETURN_PATH),
        Math.toIntExact(number(values, MAX_PASSES)),
        Duration.ofSeconds(number(values, PEER_TIMEOUT)),
        Duration.ofSeconds(number(values, CONNECT_TIMEOUT)),
        flag(values, WHOLE_PAGES));
  }

  /** A negative one is none that any parameter takes, and stands as it is for the sentence. */
  private static ParameterValue whole(long value) {
    return value < 0 ? new Word(Long.toString(value)) : new Whole(value);
  }

  /** So is a part of the unit, and what no count of it could hold. */
  private static ParameterValue duration(Duration value, ChronoUnit unit) {
    if (value.compareTo(LONGEST) > 0 || value.compareTo(LONGEST.negated()) < 0) {
      return new Word(value.toString());
    }
    long units = value.dividedBy(unit.getDuration());
    return value.equals(Duration.of(units, unit)) ? whole(units) : new Word(value.toString());
  }

  private static boolean flag(
      Map<EngineParameter, ParameterValue> values, EngineParameter parameter) {
    return values.get(parameter) instanceof Flag flag && flag.on();
  }

  private static long number(
      Map<EngineParameter, ParameterValue> values, EngineParameter parameter) {
    return ((Whole) Objects.requireNonNull(values.get(parameter))).value();
  }

  private static String word(
      Map<EngineParameter, ParameterValue> values, EngineParameter parameter) {
    return ((Word) Objects.requireNonNull(values.get(parameter))).text();
  }
}
