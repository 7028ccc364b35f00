package dev.godwit.migration.qemu;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How one QEMU is set up to migrate: a snapshot.
 *
 * @param version whose it is
 * @param offered the capabilities it has; a distributor's build may have more or fewer than its
 *     version
 * @param on those of them that are switched on
 * @param parameters the value of each parameter it has, but for those that are not set and those
 *     that are structures
 */
public record QemuSettings(
    QemuVersion version,
    Set<MigrationCapability> offered,
    Set<MigrationCapability> on,
    Map<MigrationParameter, ParameterValue> parameters) {

  public QemuSettings {
    offered = Set.copyOf(offered);
    on = Set.copyOf(on);
    parameters = Map.copyOf(parameters);
  }

  /** What a QEMU of that version starts with, by the tables. */
  public static QemuSettings initial(QemuVersion version) {
    Set<MigrationCapability> offered = EnumSet.allOf(MigrationCapability.class);
    offered.removeIf(capability -> !capability.lifetime().covers(version));
    Map<MigrationParameter, ParameterValue> parameters = new EnumMap<>(MigrationParameter.class);
    Arrays.stream(MigrationParameter.values())
        .filter(parameter -> parameter.lifetime().covers(version))
        .forEach(
            parameter -> parameter.initial().ifPresent(value -> parameters.put(parameter, value)));
    return new QemuSettings(version, offered, Set.of(), parameters);
  }

  public boolean isOn(MigrationCapability capability) {
    return on.contains(capability);
  }

  /** The value of a parameter, or empty if this QEMU has no such parameter or it is not set. */
  public Optional<ParameterValue> value(MigrationParameter parameter) {
    return Optional.ofNullable(parameters.get(parameter));
  }

  /** How it would be set up once {@code settings} are applied. */
  public QemuSettings with(MigrationSettings settings) {
    Set<MigrationCapability> nowOn = EnumSet.noneOf(MigrationCapability.class);
    nowOn.addAll(on);
    settings
        .capabilities()
        .forEach(
            (capability, state) -> {
              if (state) {
                nowOn.add(capability);
              } else {
                nowOn.remove(capability);
              }
            });
    Map<MigrationParameter, ParameterValue> now = new EnumMap<>(MigrationParameter.class);
    now.putAll(parameters);
    now.putAll(settings.parameters());
    return new QemuSettings(version, offered, nowOn, now);
  }
}
