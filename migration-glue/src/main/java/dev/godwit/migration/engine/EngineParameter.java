package dev.godwit.migration.engine;

import dev.godwit.migration.qemu.Lifetime;
import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.ParameterType;
import dev.godwit.migration.qemu.ParameterType.Choice;
import dev.godwit.migration.qemu.ParameterType.Count;
import dev.godwit.migration.qemu.ParameterType.OnOff;
import dev.godwit.migration.qemu.ParameterValue;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A parameter of the engine, with the values it takes. Those that QEMU has too are QEMU's, by name,
 * unit, range, default and meaning, and what differs is said here; the names of the others begin
 * with {@code x-godwit-}.
 */
@SuppressWarnings("ImmutableEnumChecker") // Records of values are immutable.
public enum EngineParameter {
  MAX_BANDWIDTH(MigrationParameter.MAX_BANDWIDTH),
  DOWNTIME_LIMIT(MigrationParameter.DOWNTIME_LIMIT),
  MULTIFD(MigrationCapability.MULTIFD, false),
  MULTIFD_CHANNELS(MigrationParameter.MULTIFD_CHANNELS),
  /** Without what only hardware does. */
  MULTIFD_COMPRESSION(MigrationParameter.MULTIFD_COMPRESSION, "none", "zlib", "zstd"),
  MULTIFD_ZLIB_LEVEL(MigrationParameter.MULTIFD_ZLIB_LEVEL),
  MULTIFD_ZSTD_LEVEL(MigrationParameter.MULTIFD_ZSTD_LEVEL),
  AUTO_CONVERGE(MigrationCapability.AUTO_CONVERGE, false),
  CPU_THROTTLE_INITIAL(MigrationParameter.CPU_THROTTLE_INITIAL),
  CPU_THROTTLE_INCREMENT(MigrationParameter.CPU_THROTTLE_INCREMENT),
  CPU_THROTTLE_TAILSLOW(MigrationParameter.CPU_THROTTLE_TAILSLOW),
  MAX_CPU_THROTTLE(MigrationParameter.MAX_CPU_THROTTLE),
  THROTTLE_TRIGGER_THRESHOLD(MigrationParameter.THROTTLE_TRIGGER_THRESHOLD),
  ZERO_PAGE_DETECTION(MigrationParameter.ZERO_PAGE_DETECTION),
  /** On, where QEMU has it off: without an answer a source cannot know that its guest arrived. */
  RETURN_PATH(MigrationCapability.RETURN_PATH, true),
  MAX_PASSES(
      "x-godwit-max-passes",
      new Count(0, Integer.MAX_VALUE, ""),
      new ParameterValue.Whole(0),
      "A migration that has not converged after as many passes over memory fails, 0 for no end"),
  PEER_TIMEOUT(
      "x-godwit-peer-timeout",
      new Count(1, 86_400, "s"),
      new ParameterValue.Whole(30),
      "How long the peer may be silent where it has to say something"),
  CONNECT_TIMEOUT(
      "x-godwit-connect-timeout",
      new Count(1, 86_400, "s"),
      new ParameterValue.Whole(20),
      "How long connecting to the peer may take"),
  WHOLE_PAGES(
      "x-godwit-whole-pages",
      new OnOff(),
      new ParameterValue.Flag(true),
      "Sends a huge page as one unit to a Godwit, if it is not compressed and max-bandwidth lets"
          + " it through in good time");

  private final String parameterName;
  private final Optional<Lifetime> lifetime;
  private final ParameterType type;
  private final ParameterValue initial;
  private final String meaning;

  EngineParameter(MigrationParameter same) {
    this(same, same.type());
  }

  EngineParameter(MigrationParameter same, String... words) {
    this(same, only((Choice) same.type(), List.of(words)));
  }

  EngineParameter(MigrationParameter same, ParameterType type) {
    this(
        same.qemuName(),
        Optional.of(same.lifetime()),
        type,
        same.initial().orElseThrow(),
        same.meaning());
  }

  EngineParameter(MigrationCapability same, boolean on) {
    this(
        same.qemuName(),
        Optional.of(same.lifetime()),
        new OnOff(),
        new ParameterValue.Flag(on),
        same.meaning());
  }

  EngineParameter(
      String parameterName, ParameterType type, ParameterValue initial, String meaning) {
    this(parameterName, Optional.empty(), type, initial, meaning);
  }

  EngineParameter(
      String parameterName,
      Optional<Lifetime> lifetime,
      ParameterType type,
      ParameterValue initial,
      String meaning) {
    this.parameterName = parameterName;
    this.lifetime = lifetime;
    this.type = type;
    this.initial = initial;
    this.meaning = meaning;
  }

  private static Choice only(Choice all, List<String> words) {
    return new Choice(
        all.options().stream().filter(option -> words.contains(option.word())).toList());
  }

  /** The parameter of that name. */
  public static Optional<EngineParameter> named(String parameterName) {
    return Arrays.stream(values()).filter(p -> p.parameterName.equals(parameterName)).findFirst();
  }

  /** As a user writes it, such as {@code downtime-limit}. */
  public String parameterName() {
    return parameterName;
  }

  /** Which releases of QEMU have it; empty if it is Godwit's own. */
  public Optional<Lifetime> lifetime() {
    return lifetime;
  }

  /** Which values it takes here. */
  public ParameterType type() {
    return type;
  }

  /** The value where nobody has set it. */
  public ParameterValue initial() {
    return initial;
  }

  /** What it does, in one sentence without a full stop. */
  public String meaning() {
    return meaning;
  }

  @Override
  public String toString() {
    return parameterName;
  }
}
