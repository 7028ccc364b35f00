package dev.godwit.migration.cli;

import dev.godwit.migration.engine.EngineParameter;
import dev.godwit.migration.qemu.AppliesTo;
import dev.godwit.migration.qemu.Lifetime;
import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.ParameterType;
import dev.godwit.migration.qemu.ParameterValue;
import dev.godwit.migration.qemu.QemuRelease;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What there is to say of one setting of a migration: a parameter or a capability of QEMU, of the
 * engine, or of both. Everything is read from their tables.
 *
 * @param name as a user writes it
 * @param meaning one sentence without a full stop
 * @param lifetime the releases of QEMU that have it; empty for the engine's own
 * @param place where it has to be set
 * @param needs the capability without which it has no effect
 * @param inQemu what QEMU takes, if it takes it
 * @param inEngine what the engine takes, if it takes it
 */
record Explanation(
    String name,
    String meaning,
    Optional<Lifetime> lifetime,
    Optional<AppliesTo> place,
    Optional<MigrationCapability> needs,
    Optional<Taken> inQemu,
    Optional<Taken> inEngine) {

  /**
   * The values that one of the two takes.
   *
   * @param unit what is counted, or an empty text
   * @param initial the default, or an empty text
   * @param range in words
   */
  record Taken(String unit, String initial, String range) {
    static Taken of(ParameterType type, Optional<ParameterValue> initial) {
      return new Taken(unitOf(type), initial.map(Object::toString).orElse(""), rangeOf(type));
    }
  }

  /** Of everything that can be set, by name: the engine's first, then what only QEMU has. */
  static Map<String, Explanation> all() {
    Map<String, Explanation> all = new LinkedHashMap<>();
    for (EngineParameter parameter : EngineParameter.values()) {
      all.put(parameter.parameterName(), of(parameter));
    }
    for (MigrationParameter parameter : MigrationParameter.values()) {
      all.computeIfAbsent(parameter.qemuName(), name -> of(parameter, Optional.empty()));
    }
    for (MigrationCapability capability : MigrationCapability.values()) {
      all.computeIfAbsent(capability.qemuName(), name -> of(capability, Optional.empty()));
    }
    return all;
  }

  private static Explanation of(EngineParameter parameter) {
    Optional<Taken> taken =
        Optional.of(Taken.of(parameter.type(), Optional.of(parameter.initial())));
    String name = parameter.parameterName();
    return MigrationParameter.named(name)
        .map(same -> of(same, taken))
        .or(() -> MigrationCapability.named(name).map(same -> of(same, taken)))
        .orElseGet(
            () ->
                new Explanation(
                    name,
                    parameter.meaning(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    taken));
  }

  private static Explanation of(MigrationParameter parameter, Optional<Taken> inEngine) {
    return new Explanation(
        parameter.qemuName(),
        parameter.meaning(),
        Optional.of(parameter.lifetime()),
        Optional.of(parameter.appliesTo()),
        parameter.actsWith(),
        Optional.of(Taken.of(parameter.type(), parameter.initial())),
        inEngine);
  }

  private static Explanation of(MigrationCapability capability, Optional<Taken> inEngine) {
    return new Explanation(
        capability.qemuName(),
        capability.meaning(),
        Optional.of(capability.lifetime()),
        Optional.of(capability.appliesTo()),
        Optional.empty(),
        Optional.of(
            Taken.of(new ParameterType.OnOff(), Optional.of(new ParameterValue.Flag(false)))),
        inEngine);
  }

  /** What QEMU takes, or the engine where QEMU takes none. */
  Taken taken() {
    return inQemu.or(() -> inEngine).orElseThrow();
  }

  /** Which versions of what take it. */
  String versions() {
    List<String> versions = new ArrayList<>();
    lifetime.ifPresent(qemu -> versions.add(releases(qemu)));
    inEngine.ifPresent(engine -> versions.add(lifetime.isEmpty() ? "Godwit alone" : "Godwit"));
    return String.join(", ", versions);
  }

  private static String releases(Lifetime lifetime) {
    return "QEMU since "
        + lifetime.since()
        + lifetime.removed().map(" until %s removed it"::formatted).orElse("");
  }

  private static String unitOf(ParameterType type) {
    return switch (type) {
      case ParameterType.Count count -> count.unit();
      case ParameterType.Size size -> size.unit();
      case ParameterType.OnOff o -> "";
      case ParameterType.Choice c -> "";
      case ParameterType.Text t -> "";
      case ParameterType.Structure s -> "";
    };
  }

  private static String rangeOf(ParameterType type) {
    return switch (type) {
      case ParameterType.Count count ->
          count.max() == Long.MAX_VALUE
              ? count.min() + " or more"
              : count.min() + " to " + count.max();
      case ParameterType.Size size ->
          size.powerOfTwo()
              ? "a power of two from " + size.min()
              : size.min() + " or more, such as 100M or 1.5G";
      case ParameterType.Choice choice ->
          choice.options().stream()
              .map(option -> word(option, choice.options().getFirst().lifetime().since()))
              .collect(Collectors.joining(", "));
      case ParameterType.OnOff o -> o.expected();
      case ParameterType.Text t -> t.expected();
      case ParameterType.Structure s -> s.expected();
    };
  }

  /** A word that came later than the first says when. */
  private static String word(ParameterType.Choice.Option option, QemuRelease first) {
    QemuRelease since = option.lifetime().since();
    return since.equals(first) ? option.word() : option.word() + " (since " + since + ")";
  }

  /** As lines for people, each a label and what it says. */
  Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    Taken taken = taken();
    facts.put("unit", taken.unit());
    facts.put("default", taken.initial());
    facts.put("range", taken.range());
    inEngine.ifPresent(
        engine -> {
          if (!engine.initial().equals(taken.initial())) {
            facts.put(
                "default", "%s in QEMU, %s in Godwit".formatted(taken.initial(), engine.initial()));
          }
          if (!engine.range().equals(taken.range())) {
            facts.put("range", "%s; in Godwit %s".formatted(taken.range(), engine.range()));
          }
        });
    facts.put("versions", versions());
    facts.put("set at", place.map(Object::toString).orElse(""));
    facts.put("needs", needs.map(Object::toString).orElse(""));
    facts.values().removeIf(String::isEmpty);
    return facts;
  }

  /** As members of a document; there are the same for each, empty where there is nothing to say. */
  Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("name", name);
    members.put("meaning", meaning);
    members.put("unit", taken().unit());
    members.put("default", inQemu.map(Taken::initial).orElse(""));
    members.put("range", inQemu.map(Taken::range).orElse(""));
    members.put("godwit-default", inEngine.map(Taken::initial).orElse(""));
    members.put("godwit-range", inEngine.map(Taken::range).orElse(""));
    members.put("since", lifetime.map(l -> l.since().toString()).orElse(""));
    members.put(
        "removed", lifetime.flatMap(Lifetime::removed).map(QemuRelease::toString).orElse(""));
    members.put("set-at", place.map(Object::toString).orElse(""));
    members.put("needs", needs.map(Object::toString).orElse(""));
    return members;
  }
}
