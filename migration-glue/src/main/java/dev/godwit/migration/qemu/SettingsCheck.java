package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.MigrationCapability.MAPPED_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.MULTIFD;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.XBZRLE;
import static dev.godwit.migration.qemu.MigrationCapability.ZERO_BLOCKS;
import static dev.godwit.migration.qemu.MigrationCapability.ZERO_COPY_SEND;
import static dev.godwit.migration.qemu.MigrationParameter.CPU_THROTTLE_INITIAL;
import static dev.godwit.migration.qemu.MigrationParameter.MAX_CPU_THROTTLE;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_COMPRESSION;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_ZLIB_LEVEL;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_ZSTD_LEVEL;
import static dev.godwit.migration.qemu.MigrationParameter.TLS_CREDS;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Judges settings against the setup of one QEMU; the sentences that come of it are here. */
final class SettingsCheck {
  private final MigrationSettings settings;
  private final QemuSettings now;
  private final QemuSettings then;

  private SettingsCheck(MigrationSettings settings, QemuSettings now) {
    this.settings = settings;
    this.now = now;
    this.then = now.with(settings);
  }

  static void run(MigrationSettings settings, QemuSettings now) throws SettingsException {
    SettingsCheck check = new SettingsCheck(settings, now);
    check.existence();
    check.capabilityPairs();
    check.valuePairs();
  }

  static List<String> warnings(MigrationSettings settings, QemuSettings now, Side side) {
    return new SettingsCheck(settings, now).warnings(side);
  }

  private void existence() throws SettingsException {
    for (MigrationCapability capability : settings.capabilities().keySet()) {
      if (!now.offered().contains(capability)) {
        throw SettingsException.refused(
            "%s has no capability %s: %s"
                .formatted(qemu(), capability, absence(capability.lifetime())));
      }
    }
    for (Map.Entry<MigrationParameter, ParameterValue> entry : settings.parameters().entrySet()) {
      MigrationParameter parameter = entry.getKey();
      if (!now.parameters().containsKey(parameter)) {
        throw SettingsException.refused(
            "%s has no parameter %s: %s"
                .formatted(qemu(), parameter, absence(parameter.lifetime())));
      }
      if (parameter.type() instanceof ParameterType.Choice choice) {
        ParameterType.Choice.Option option =
            choice.option(entry.getValue().toString()).orElseThrow();
        if (!option.lifetime().covers(now.version())) {
          throw SettingsException.refused(
              "%s does not know %s=%s: %s"
                  .formatted(qemu(), parameter, option.word(), absence(option.lifetime())));
        }
      }
    }
  }

  private void capabilityPairs() throws SettingsException {
    for (CapabilityRule rule : CapabilityRule.all()) {
      MigrationCapability first = rule.first();
      MigrationCapability second = rule.second();
      boolean ours =
          settings.capabilities().containsKey(first) || settings.capabilities().containsKey(second);
      if (!ours
          || !rule.lifetime().covers(now.version())
          || !rule.broken(then.isOn(first), then.isOn(second))) {
        continue;
      }
      switch (rule) {
        case CapabilityRule.Needs _ ->
            throw SettingsException.refused(
                "The capability %s needs %s in %s%s"
                    .formatted(first, second, qemu(), alreadyOn(first)));
        case CapabilityRule.Excludes _ ->
            throw SettingsException.refused(
                "The capabilities %s and %s exclude each other in %s%s"
                    .formatted(first, second, qemu(), alreadyOn(first, second)));
      }
    }
  }

  private void valuePairs() throws SettingsException {
    for (MigrationCapability capability : List.of(ZERO_COPY_SEND, MAPPED_RAM)) {
      excludes(capability, MULTIFD_COMPRESSION, "none");
      excludes(capability, TLS_CREDS, "");
    }
    if (then.value(MAX_CPU_THROTTLE).orElse(null) instanceof ParameterValue.Whole most
        && then.value(CPU_THROTTLE_INITIAL).orElse(null) instanceof ParameterValue.Whole least
        && (settings.parameters().containsKey(MAX_CPU_THROTTLE)
            || settings.parameters().containsKey(CPU_THROTTLE_INITIAL))
        && most.value() < least.value()) {
      throw SettingsException.refused(
          "The parameter %s=%s is less than %s=%s"
              .formatted(MAX_CPU_THROTTLE, most, CPU_THROTTLE_INITIAL, least));
    }
  }

  private void excludes(MigrationCapability capability, MigrationParameter parameter, String unset)
      throws SettingsException {
    String value = then.value(parameter).map(ParameterValue::toString).orElse(unset);
    boolean ours =
        settings.capabilities().containsKey(capability)
            || settings.parameters().containsKey(parameter);
    if (ours && then.isOn(capability) && !value.equals(unset)) {
      String alreadySet =
          settings.parameters().containsKey(parameter)
              ? alreadyOn(capability)
              : ", where %s is set already".formatted(parameter);
      throw SettingsException.refused(
          "The capability %s and %s=%s exclude each other in %s%s"
              .formatted(capability, parameter, value, qemu(), alreadySet));
    }
  }

  private List<String> warnings(Side side) {
    List<String> warnings = new ArrayList<>();
    settings
        .capabilities()
        .forEach(
            (capability, on) -> {
              if (on && !capability.appliesTo().concerns(side)) {
                warnings.add(elsewhere("capability", capability.qemuName(), side));
              }
            });
    settings
        .parameters()
        .forEach(
            (parameter, value) -> {
              if (!parameter.appliesTo().concerns(side)) {
                warnings.add(elsewhere("parameter", parameter.qemuName(), side));
              } else {
                inert(parameter, value, warnings);
              }
            });
    if (settings.capabilities().getOrDefault(ZERO_BLOCKS, false)
        && now.version().isAtLeast(QemuRelease.of("9.1"))) {
      warnings.add("The capability zero-blocks does nothing in %s".formatted(qemu()));
    }
    for (MigrationCapability other : List.of(POSTCOPY_RAM, XBZRLE)) {
      boolean ours =
          settings.capabilities().containsKey(MULTIFD)
              || settings.capabilities().containsKey(other);
      if (ours
          && then.isOn(MULTIFD)
          && then.isOn(other)
          && !now.version().isAtLeast(QemuRelease.of("8.0"))) {
        warnings.add(
            "The capabilities multifd and %s together are taken by %s, but QEMU 10.0 refuses them"
                .formatted(other, qemu()));
      }
    }
    return List.copyOf(warnings);
  }

  private void inert(MigrationParameter parameter, ParameterValue value, List<String> warnings) {
    boolean level = parameter == MULTIFD_ZLIB_LEVEL || parameter == MULTIFD_ZSTD_LEVEL;
    if (level
        && !now.version().isAtLeast(QemuRelease.of("8.0"))
        && !parameter.initial().filter(value::equals).isPresent()) {
      warnings.add(
          "The parameter %s is taken by %s and ignored: it stays %s"
              .formatted(
                  parameter, qemu(), parameter.initial().map(Object::toString).orElse("unset")));
    }
    parameter
        .actsWith()
        .filter(capability -> !then.isOn(capability))
        .ifPresent(
            capability ->
                warnings.add(
                    "The parameter %s has no effect without the capability %s"
                        .formatted(parameter, capability)));
  }

  private static String elsewhere(String kind, String name, Side side) {
    return "The %s %s has no effect at the %s of a migration; set it at the %s"
        .formatted(kind, name, side, side.other());
  }

  private String qemu() {
    return "QEMU " + now.version();
  }

  private String absence(Lifetime lifetime) {
    return lifetime.absence(now.version());
  }

  /** Which of the capabilities are on without having been asked for, to end a sentence with. */
  private String alreadyOn(MigrationCapability... capabilities) {
    String already =
        Stream.of(capabilities)
            .filter(capability -> !settings.capabilities().containsKey(capability))
            .filter(now::isOn)
            .map(MigrationCapability::qemuName)
            .collect(Collectors.joining(" and "));
    return already.isEmpty() ? "" : ", where %s is on already".formatted(already);
  }
}
