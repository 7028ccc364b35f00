package dev.godwit.migration.qemu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The capabilities and parameters that a migration is to run with. Immutable; what it does not name
 * stays as it is in QEMU.
 *
 * @param capabilities which to switch on or off
 * @param parameters which to set to what
 */
public record MigrationSettings(
    Map<MigrationCapability, Boolean> capabilities,
    Map<MigrationParameter, ParameterValue> parameters) {

  public MigrationSettings {
    capabilities = Collections.unmodifiableMap(new LinkedHashMap<>(capabilities));
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /** Leaves everything as it is. */
  public static MigrationSettings none() {
    return new MigrationSettings(Map.of(), Map.of());
  }

  /**
   * Reads settings as a user writes them, each {@code NAME=VALUE} in QEMU's names: {@code
   * multifd=on}, {@code multifd} for the same, {@code multifd-channels=4}, {@code
   * max-bandwidth=1.5G}.
   *
   * @throws SettingsException of kind {@code USAGE} at the first that no QEMU would understand
   */
  public static MigrationSettings parse(List<String> settings) throws SettingsException {
    Map<MigrationCapability, Boolean> capabilities = new LinkedHashMap<>();
    Map<MigrationParameter, ParameterValue> parameters = new LinkedHashMap<>();
    for (String setting : settings) {
      int equals = setting.indexOf('=');
      String name = equals < 0 ? setting : setting.substring(0, equals);
      Optional<String> value =
          equals < 0 ? Optional.empty() : Optional.of(setting.substring(equals + 1));
      if (name.isBlank()) {
        throw SettingsException.usage(
            "A migration setting is NAME or NAME=VALUE, not '%s'".formatted(setting));
      }
      Optional<MigrationCapability> capability = MigrationCapability.named(name);
      boolean twice;
      if (capability.isPresent()) {
        twice = capabilities.put(capability.get(), readState(name, value)) != null;
      } else {
        MigrationParameter parameter =
            MigrationParameter.named(name).orElseThrow(() -> unknown(name));
        twice = parameters.put(parameter, readValue(parameter, value)) != null;
      }
      if (twice) {
        throw SettingsException.usage("The migration setting %s is given twice".formatted(name));
      }
    }
    return new MigrationSettings(capabilities, parameters);
  }

  private static boolean readState(String name, Optional<String> value) throws SettingsException {
    if (value.isEmpty()) {
      return true;
    }
    return ParameterType.OnOff.flag(value.get())
        .orElseThrow(
            () ->
                SettingsException.usage(
                    "The capability %s takes on or off, not '%s'".formatted(name, value.get())));
  }

  private static ParameterValue readValue(MigrationParameter parameter, Optional<String> value)
      throws SettingsException {
    ParameterType type = parameter.type();
    if (type instanceof ParameterType.Structure) {
      throw SettingsException.usage(
          "The parameter %s is a list that QEMU does not take back once it is set, so it is left to QMP"
              .formatted(parameter));
    }
    if (value.isEmpty()) {
      if (type instanceof ParameterType.OnOff) {
        return new ParameterValue.Flag(true);
      }
      throw SettingsException.usage(
          "The parameter %s needs a value: %s".formatted(parameter, type.expected()));
    }
    return type.read(value.get())
        .orElseThrow(
            () ->
                SettingsException.usage(
                    "The parameter %s takes %s, not '%s'"
                        .formatted(parameter, type.expected(), value.get())));
  }

  private static SettingsException unknown(String name) {
    List<String> names =
        Stream.concat(
                Arrays.stream(MigrationCapability.values()).map(MigrationCapability::qemuName),
                Arrays.stream(MigrationParameter.values()).map(MigrationParameter::qemuName))
            .toList();
    String hint = NearestName.of(name, names).map("; the nearest is %s"::formatted).orElse("");
    return SettingsException.usage(
        "There is no migration capability or parameter '%s'%s".formatted(name, hint));
  }

  public boolean isEmpty() {
    return capabilities.isEmpty() && parameters.isEmpty();
  }

  /** The same with a capability on or off, unless these settings name it already. */
  public MigrationSettings withDefault(MigrationCapability capability, boolean on) {
    Map<MigrationCapability, Boolean> more = new LinkedHashMap<>(capabilities);
    more.putIfAbsent(capability, on);
    return new MigrationSettings(more, parameters);
  }

  /** The same with a parameter set, unless these settings name it already. */
  public MigrationSettings withDefault(MigrationParameter parameter, ParameterValue value) {
    Map<MigrationParameter, ParameterValue> more = new LinkedHashMap<>(parameters);
    more.putIfAbsent(parameter, value);
    return new MigrationSettings(capabilities, more);
  }

  /** {@link #check(QemuSettings)} against a fresh QEMU of that version, by the tables alone. */
  public void check(QemuVersion version) throws SettingsException {
    check(QemuSettings.initial(version));
  }

  /**
   * Judges whether a QEMU that is set up as {@code now} would take these settings, without asking
   * it.
   *
   * @throws SettingsException of kind {@code REFUSED} with the first reason why it would not
   */
  public void check(QemuSettings now) throws SettingsException {
    SettingsCheck.run(this, now);
  }

  /**
   * What a user should know of settings that QEMU takes but that do not do what they seem to: one
   * sentence each.
   *
   * @param now the QEMU they are for
   * @param side which side of the migration that QEMU is
   */
  public List<String> warnings(QemuSettings now, Side side) {
    return SettingsCheck.warnings(this, now, side);
  }

  /** Those of these settings that {@code now} has not got already. */
  MigrationSettings changing(QemuSettings now) {
    Map<MigrationCapability, Boolean> changedCapabilities = new LinkedHashMap<>(capabilities);
    changedCapabilities.entrySet().removeIf(e -> e.getValue() == now.isOn(e.getKey()));
    Map<MigrationParameter, ParameterValue> changedParameters = new LinkedHashMap<>(parameters);
    changedParameters
        .entrySet()
        .removeIf(e -> now.value(e.getKey()).filter(e.getValue()::equals).isPresent());
    return new MigrationSettings(changedCapabilities, changedParameters);
  }

  /** What these settings name, as it is in {@code now}. */
  MigrationSettings asIn(QemuSettings now) {
    Map<MigrationCapability, Boolean> oldCapabilities = new LinkedHashMap<>(capabilities);
    oldCapabilities.replaceAll((capability, on) -> now.isOn(capability));
    Map<MigrationParameter, ParameterValue> oldParameters = new LinkedHashMap<>(now.parameters());
    oldParameters.keySet().retainAll(parameters.keySet());
    return new MigrationSettings(oldCapabilities, oldParameters);
  }

  /** As a user would write them, in the order given. */
  @Override
  public String toString() {
    List<String> all = new ArrayList<>();
    capabilities.forEach((name, on) -> all.add(name + "=" + (on ? "on" : "off")));
    parameters.forEach((name, value) -> all.add(name + "=" + value));
    return String.join(" ", all);
  }
}
