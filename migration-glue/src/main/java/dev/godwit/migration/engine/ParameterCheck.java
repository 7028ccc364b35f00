package dev.godwit.migration.engine;

import static dev.godwit.migration.engine.EngineParameter.CPU_THROTTLE_INITIAL;
import static dev.godwit.migration.engine.EngineParameter.MAX_CPU_THROTTLE;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD;
import static dev.godwit.migration.engine.EngineParameter.MULTIFD_COMPRESSION;

import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.NearestName;
import dev.godwit.migration.qemu.ParameterValue;
import dev.godwit.migration.qemu.ParameterValue.Flag;
import dev.godwit.migration.qemu.ParameterValue.Whole;
import dev.godwit.migration.qemu.ParameterValue.Word;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads values of parameters and judges them together; the sentences that come of it are here. */
final class ParameterCheck {
  private final Map<EngineParameter, ParameterValue> values = new EnumMap<>(EngineParameter.class);
  private final List<String> problems = new ArrayList<>();

  /** Begins with values that are known to be good; what has none may not be looked at. */
  ParameterCheck(Map<EngineParameter, ParameterValue> good) {
    values.putAll(good);
  }

  /** Takes one value as a user writes it. */
  void set(String name, String value) {
    Optional<EngineParameter> parameter = EngineParameter.named(name);
    if (parameter.isEmpty()) {
      problems.add(unknown(name));
    } else {
      set(parameter.get(), value);
    }
  }

  /** Takes one value as a user writes it. */
  void set(EngineParameter parameter, String value) {
    Optional<ParameterValue> read = parameter.type().read(value);
    if (read.isPresent()) {
      values.put(parameter, read.get());
    } else {
      values.remove(parameter);
      problems.add(
          "The parameter %s takes %s, not '%s'"
              .formatted(parameter, parameter.type().expected(), value));
    }
  }

  /**
   * All values, if they are good.
   *
   * @throws ParameterException with everything that is wrong
   */
  Map<EngineParameter, ParameterValue> finish() {
    pairs();
    if (!problems.isEmpty()) {
      throw new ParameterException(problems);
    }
    return values;
  }

  /** Looks only at pairs of which each value is good by itself. */
  private void pairs() {
    if (values.get(MULTIFD) instanceof Flag multifd
        && !multifd.on()
        && values.get(MULTIFD_COMPRESSION) instanceof Word compression
        && !compression.equals(MULTIFD_COMPRESSION.initial())) {
      problems.add(
          "The parameter %s=%s needs %s=on".formatted(MULTIFD_COMPRESSION, compression, MULTIFD));
    }
    if (values.get(MAX_CPU_THROTTLE) instanceof Whole most
        && values.get(CPU_THROTTLE_INITIAL) instanceof Whole first
        && most.value() < first.value()) {
      problems.add(
          "The parameter %s=%s is less than %s=%s"
              .formatted(MAX_CPU_THROTTLE, most, CPU_THROTTLE_INITIAL, first));
    }
  }

  private static String unknown(String name) {
    if (MigrationParameter.named(name).isPresent() || MigrationCapability.named(name).isPresent()) {
      return "The parameter %s is QEMU's alone; the engine has none of that name".formatted(name);
    }
    List<String> names =
        Arrays.stream(EngineParameter.values()).map(EngineParameter::parameterName).toList();
    String hint = NearestName.of(name, names).map("; the nearest is %s"::formatted).orElse("");
    return "There is no parameter '%s'%s".formatted(name, hint);
  }
}
