package dev.godwit.migration.cli;

import dev.godwit.transport.Availability;
import dev.godwit.transport.HostFact;
import dev.godwit.transport.Transport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What one transport is, does and finds on this host, for people and for programs. */
final class TransportLines {
  private TransportLines() {}

  /** What it is, what this host has for it and lacks, and its settings. */
  static List<String> of(Transport transport) {
    List<String> lines = new ArrayList<>();
    lines.add("%-6s %s".formatted(transport.scheme() + ":", transport.description()));
    String cause = cause(transport);
    if (!cause.isEmpty()) {
      lines.add("         not here: " + cause);
    }
    transport.facts().forEach(fact -> lines.add("         here: " + fact.sentence()));
    new TreeMap<>(transport.settings())
        .forEach((key, meaning) -> lines.add("         %-17s %s".formatted(key, meaning)));
    return lines;
  }

  static Map<String, Object> members(Transport transport) {
    String cause = cause(transport);
    return Map.of(
        "scheme", transport.scheme(),
        "description", transport.description(),
        "available", cause.isEmpty(),
        "cause", cause,
        "placement", transport.capabilities().placement().name().toLowerCase(Locale.ROOT),
        "protection", transport.capabilities().protection().name().toLowerCase(Locale.ROOT),
        "facts", transport.facts().stream().map(TransportLines::members).toList(),
        "settings", transport.settings());
  }

  private static Map<String, Object> members(HostFact fact) {
    Map<String, Object> members = new LinkedHashMap<>(fact.members());
    members.put("kind", fact.kind());
    members.put("message", fact.sentence());
    return members;
  }

  /** Why this host cannot serve it; empty if it can. */
  private static String cause(Transport transport) {
    return switch (transport.availability()) {
      case Availability.Available() -> "";
      case Availability.Unavailable(String cause) -> cause;
    };
  }
}
