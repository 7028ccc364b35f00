package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.MigrationCapability.DIRTY_LIMIT;
import static dev.godwit.migration.qemu.MigrationCapability.MAPPED_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.MULTIFD;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_PREEMPT;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.RETURN_PATH;
import static dev.godwit.migration.qemu.MigrationCapability.SWITCHOVER_ACK;
import static dev.godwit.migration.qemu.MigrationCapability.ZERO_COPY_SEND;
import static dev.godwit.migration.qemu.MigrationParameter.CPU_THROTTLE_INITIAL;
import static dev.godwit.migration.qemu.MigrationParameter.MAX_CPU_THROTTLE;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_ZLIB_LEVEL;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_ZSTD_LEVEL;
import static dev.godwit.migration.qemu.RealQemu.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.migration.qemu.RealQemu.Release;
import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** Holds the tables of capabilities, parameters and rules against real QEMUs. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class RealTablesTest {
  /** Ways to compress that are known of a release but that not every build has. */
  private static final Set<String> BUILT_IN_OR_NOT = Set.of("qatzip", "qpl", "uadk");

  @TempDir Path dir;

  @ParameterizedTest
  @EnumSource
  void knowsEachCapabilityOfThisRelease(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S")) {
      Set<String> offered = new TreeSet<>();
      QemuVersion version;
      try (QmpClient client = qemu.client()) {
        version = QemuVersion.of(client.greeting());
        for (JsonNode entry : client.execute("query-migrate-capabilities", soon())) {
          offered.add(entry.path("capability").asString(""));
          assertThat(entry.path("state").booleanValue()).isFalse();
        }
      }
      assertThat(version.release()).isEqualTo(release.release());
      assertThat(offered)
          .isEqualTo(
              Arrays.stream(MigrationCapability.values())
                  .filter(capability -> capability.lifetime().covers(version))
                  .map(MigrationCapability::qemuName)
                  .collect(Collectors.toCollection(TreeSet::new)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void knowsEachParameterOfThisReleaseAndItsDefault(Release release) throws Exception {
    String machine = release == Release.V7_2 ? "pc-i440fx-7.2" : "pc-i440fx-10.0";
    try (RealQemu qemu = RealQemu.start(release, dir, "-S", "-M", machine);
        QmpClient client = qemu.client()) {
      QemuVersion version = QemuVersion.of(client.greeting());
      Map<String, ParameterValue> set = new TreeMap<>();
      client
          .execute("query-migrate-parameters", soon())
          .properties()
          .forEach(e -> set.put(e.getKey(), ParameterValue.of(e.getValue()).orElseThrow()));
      Map<String, ParameterValue> table = new TreeMap<>();
      QemuSettings.initial(version)
          .parameters()
          .forEach((parameter, value) -> table.put(parameter.qemuName(), value));
      assertThat(set).isEqualTo(table);

      Set<String> settable = new TreeSet<>();
      for (JsonNode member : schema(client, "migrate-set-parameters").path("members")) {
        settable.add(member.path("name").asString(""));
      }
      assertThat(settable)
          .isEqualTo(
              Arrays.stream(MigrationParameter.values())
                  .filter(parameter -> parameter.lifetime().covers(version))
                  .map(MigrationParameter::qemuName)
                  .collect(Collectors.toCollection(TreeSet::new)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void knowsEachWordOfAChoice(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QmpClient client = qemu.client()) {
      QemuVersion version = QemuVersion.of(client.greeting());
      JsonNode schema = client.execute("query-qmp-schema", soon());
      for (JsonNode member : schema(client, "migrate-set-parameters").path("members")) {
        JsonNode type = named(schema, member.path("type").asString(""));
        if (!type.path("meta-type").asString("").equals("enum")) {
          continue;
        }
        MigrationParameter parameter =
            MigrationParameter.named(member.path("name").asString("")).orElseThrow();
        Set<String> ours = new TreeSet<>();
        for (ParameterType.Choice.Option option :
            ((ParameterType.Choice) parameter.type()).options()) {
          if (option.lifetime().covers(version)) {
            ours.add(option.word());
          }
        }
        Set<String> theirs = new TreeSet<>();
        type.path("members").forEach(word -> theirs.add(word.path("name").asString("")));
        assertThat(ours).as(parameter.qemuName()).containsAll(theirs);
        ours.removeAll(theirs);
        assertThat(BUILT_IN_OR_NOT).as(parameter.qemuName()).containsAll(ours);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void agreesOnTheEdgesOfEachRange(Release release) throws Exception {
    int edges = 0;
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      for (MigrationParameter parameter : monitor.settings(soon()).parameters().keySet()) {
        boolean ignored =
            release == Release.V7_2
                && (parameter == MULTIFD_ZLIB_LEVEL || parameter == MULTIFD_ZSTD_LEVEL);
        if (ignored) {
          SavedSettings saved = monitor.apply(only(parameter, 99), soon());
          assertThat(saved.isEmpty()).isFalse();
          assertThat(monitor.settings(soon()).value(parameter)).isEqualTo(parameter.initial());
          continue;
        }
        switch (parameter.type()) {
          case ParameterType.Count count -> {
            edges += agrees(monitor, parameter, count.min(), true);
            edges += agrees(monitor, parameter, count.max(), true);
            if (count.min() > 0) {
              edges += agrees(monitor, parameter, count.min() - 1, false);
            }
            if (count.max() < Long.MAX_VALUE) {
              edges += agrees(monitor, parameter, count.max() + 1, false);
            }
          }
          case ParameterType.Size size when size.powerOfTwo() -> {
            edges += agrees(monitor, parameter, size.min(), true);
            edges += agrees(monitor, parameter, 1L << 62, true);
            edges += agrees(monitor, parameter, size.min() / 2, false);
            edges += agrees(monitor, parameter, size.min() * 3, false);
          }
          case ParameterType.Size size -> {
            edges += agrees(monitor, parameter, size.min(), true);
            edges += agrees(monitor, parameter, Long.MAX_VALUE, true);
          }
          case ParameterType.OnOff _,
              ParameterType.Choice _,
              ParameterType.Text _,
              ParameterType.Structure _ -> {}
        }
      }
    }
    assertThat(edges).isGreaterThan(50);
  }

  /** Tries a value on QEMU and on the table, and takes it back. */
  private static int agrees(
      QemuMonitor monitor, MigrationParameter parameter, long value, boolean accepted)
      throws Exception {
    assertThat(parameter.type().read(Long.toString(value)).isPresent())
        .as("%s=%d by the table", parameter, value)
        .isEqualTo(accepted);
    MigrationSettings settings = only(parameter, value);
    if (parameter == MAX_CPU_THROTTLE) {
      settings = settings.withDefault(CPU_THROTTLE_INITIAL, new ParameterValue.Whole(1));
    }
    if (accepted) {
      SavedSettings saved = monitor.apply(settings, soon());
      assertThat(monitor.settings(soon()).value(parameter))
          .contains(new ParameterValue.Whole(value));
      monitor.restore(saved, soon());
      assertThat(monitor.settings(soon()).value(parameter)).isEqualTo(parameter.initial());
    } else {
      MigrationSettings refused = settings;
      assertThatThrownBy(() -> monitor.apply(refused, soon()))
          .as("%s=%d by QEMU", parameter, value)
          .isInstanceOf(QmpException.Refused.class);
    }
    return 1;
  }

  private static MigrationSettings only(MigrationParameter parameter, long value) {
    return new MigrationSettings(Map.of(), Map.of(parameter, new ParameterValue.Whole(value)));
  }

  @ParameterizedTest
  @EnumSource
  void refusesTheSamePairsOfCapabilities(Release release) throws Exception {
    List<String> differences = new ArrayList<>();
    int refused = 0;
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      QemuSettings initial = monitor.settings(soon());
      Set<MigrationCapability> capabilities = EnumSet.copyOf(initial.offered());
      // Refused under TCG whatever it is combined with: QEMU wants KVM's dirty ring for it.
      capabilities.remove(DIRTY_LIMIT);
      for (Set<MigrationCapability> base : bases(initial)) {
        for (MigrationCapability one : capabilities) {
          for (MigrationCapability other : capabilities) {
            if (base.isEmpty() ? one.compareTo(other) > 0 : one != other) {
              continue;
            }
            Set<MigrationCapability> all = EnumSet.of(one, other);
            all.addAll(base);
            MigrationSettings settings = on(all);
            Optional<String> ours = ourVerdict(settings, initial);
            Optional<String> theirs = verdictOf(monitor, settings);
            refused += theirs.isPresent() ? 1 : 0;
            if (ours.isPresent() != theirs.isPresent()) {
              differences.add("%s: ours %s, QEMU's %s".formatted(all, ours, theirs));
            }
          }
        }
      }
    }
    assertThat(differences).isEmpty();
    assertThat(refused).isGreaterThan(50);
  }

  /** Nothing, and what a capability needs: only then its other rules show. */
  private static List<Set<MigrationCapability>> bases(QemuSettings initial) {
    List<Set<MigrationCapability>> bases = new ArrayList<>();
    bases.add(Set.of());
    bases.add(Set.of(POSTCOPY_PREEMPT, POSTCOPY_RAM));
    bases.add(Set.of(ZERO_COPY_SEND, MULTIFD));
    if (initial.offered().contains(SWITCHOVER_ACK)) {
      bases.add(Set.of(SWITCHOVER_ACK, RETURN_PATH));
    }
    return bases;
  }

  private static MigrationSettings on(Set<MigrationCapability> capabilities) {
    Map<MigrationCapability, Boolean> on = new LinkedHashMap<>();
    capabilities.forEach(capability -> on.put(capability, true));
    return new MigrationSettings(on, Map.of());
  }

  private static Optional<String> ourVerdict(MigrationSettings settings, QemuSettings now) {
    try {
      settings.check(now);
      return Optional.empty();
    } catch (SettingsException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private static Optional<String> verdictOf(QemuMonitor monitor, MigrationSettings settings)
      throws QmpException {
    try {
      monitor.restore(monitor.apply(settings, soon()), soon());
      return Optional.empty();
    } catch (QmpException.Refused e) {
      return Optional.of(e.description());
    }
  }

  @ParameterizedTest
  @EnumSource
  void refusesTheSameValuesBesideZeroCopy(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      QemuSettings initial = monitor.settings(soon());
      for (List<String> settings :
          List.of(
              List.of("multifd", "zero-copy-send", "multifd-compression=zlib"),
              List.of("multifd", "zero-copy-send", "tls-creds=tls0"),
              List.of("max-cpu-throttle=10"),
              List.of("cpu-throttle-initial=70", "max-cpu-throttle=60"))) {
        MigrationSettings parsed = MigrationSettings.parse(settings);
        assertThat(ourVerdict(parsed, initial)).as(settings.toString()).isPresent();
        assertThat(verdictOf(monitor, parsed)).as(settings.toString()).isPresent();
        assertThat(monitor.settings(soon())).isEqualTo(initial);
      }
      MigrationSettings fine =
          MigrationSettings.parse(List.of("cpu-throttle-initial=60", "max-cpu-throttle=60"));
      fine.check(initial);
      assertThat(verdictOf(monitor, fine)).isEmpty();
    }
  }

  /** QEMU says so only when the migration starts, after everything was set. */
  @ParameterizedTest
  @EnumSource(names = "V10_0")
  void refusesEarlyWhatMappedRamRefusesLate(Release release) throws Exception {
    for (String value : List.of("multifd-compression=zlib", "tls-creds=tls0")) {
      try (RealQemu qemu = RealQemu.start(release, dir, "-S");
          QemuMonitor monitor = qemu.monitor()) {
        MigrationSettings settings = MigrationSettings.parse(List.of("mapped-ram", value));
        assertThat(ourVerdict(settings, monitor.settings(soon()))).as(value).isPresent();
        monitor.apply(settings, soon());
        assertThatThrownBy(() -> monitor.migrate("file:" + dir.resolve("image"), soon()))
            .as(value)
            .isInstanceOf(QmpException.Refused.class)
            .hasMessageContaining("mapped-ram");
      }
    }
    assertThat(MAPPED_RAM.lifetime().since()).isEqualTo(QemuRelease.of("9.0"));
  }

  @ParameterizedTest
  @EnumSource
  void takesBackExactlyWhatItChanged(Release release) throws Exception {
    try (RealQemu qemu = RealQemu.start(release, dir, "-S");
        QemuMonitor monitor = qemu.monitor()) {
      monitor.apply(MigrationSettings.parse(List.of("events", "downtime-limit=77")), soon());
      QemuSettings before = monitor.settings(soon());
      SavedSettings saved =
          monitor.apply(
              MigrationSettings.parse(
                  List.of(
                      "postcopy-preempt",
                      "postcopy-ram",
                      "events=off",
                      "return-path",
                      "downtime-limit=77",
                      "max-bandwidth=1G",
                      "tls-hostname=b.example",
                      "multifd-compression=zstd",
                      "cpu-throttle-tailslow=on")),
              soon());
      assertThat(saved.before().parameters()).hasSize(4);
      QemuSettings during = monitor.settings(soon());
      assertThat(during.isOn(POSTCOPY_PREEMPT)).isTrue();
      assertThat(during.value(MigrationParameter.MAX_BANDWIDTH))
          .contains(new ParameterValue.Whole(1L << 30));
      monitor.restore(saved, soon());
      assertThat(monitor.settings(soon())).isEqualTo(before);
    }
  }

  private static JsonNode schema(QmpClient client, String command) throws QmpException {
    JsonNode schema = client.execute("query-qmp-schema", soon());
    return named(schema, named(schema, command).path("arg-type").asString(""));
  }

  private static JsonNode named(JsonNode schema, String name) {
    return schema
        .valueStream()
        .filter(entity -> entity.path("name").asString("").equals(name))
        .findFirst()
        .orElseThrow();
  }
}
