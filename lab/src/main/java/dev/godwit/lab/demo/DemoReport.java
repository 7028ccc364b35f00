package dev.godwit.lab.demo;

import dev.godwit.migration.cli.Columns;
import dev.godwit.migration.cli.Output;
import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.transport.RegistrationStats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The closing table, and the same for programs. */
final class DemoReport {
  private final long ramBytes;
  private final Map<Leg, LegOutcome> outcomes = new LinkedHashMap<>();

  DemoReport(long ramBytes) {
    this.ramBytes = ramBytes;
  }

  void add(Leg leg, LegOutcome outcome) {
    outcomes.put(leg, outcome);
  }

  boolean isFine() {
    return outcomes.values().stream().allMatch(LegOutcome::isFine);
  }

  void print(Output output, int exitCode) {
    lines().forEach(output::line);
    if (output.isVerbose()) {
      registrations().forEach(output::line);
    }
    output.document(
        "demo", Map.of("legs", documents(), "ram-bytes", ramBytes, "exit-code", exitCode));
  }

  /** The table, and a sentence for each guest that is not there as it should be. */
  List<String> lines() {
    List<String> lines = new ArrayList<>(table());
    lines.addAll(remarks());
    return lines;
  }

  private List<String> table() {
    Columns table = new Columns(1, "leg", "time", "downtime", "rate", "passes", "bytes", "guest");
    outcomes.forEach(
        (leg, outcome) -> {
          switch (outcome) {
            case LegOutcome.Moved(
                    MigrationStatistics statistics,
                    long passes,
                    RegistrationStats _,
                    GuestProof proof) ->
                table.row(
                    leg.toString(),
                    String.format(Locale.ROOT, "%.2f s", statistics.totalSeconds()),
                    String.format(Locale.ROOT, "%,.0f ms", proof.blackoutSeconds() * 1e3),
                    String.format(Locale.ROOT, "%,.0f MB/s", rate(statistics) / 1e6),
                    Columns.number(passes),
                    Columns.number(statistics.wireBytes()),
                    proof.isSound() ? "verified" : "DAMAGED");
            case LegOutcome.Failed failed ->
                table.row(leg.toString(), "", "", "", "", "", "FAILED");
            case LegOutcome.NotHere notHere ->
                table.row(leg.toString(), "", "", "", "", "", "not here");
          }
        });
    return table.lines();
  }

  /** What was registered at the source, where anything was. */
  List<String> registrations() {
    List<String> lines = new ArrayList<>();
    outcomes.forEach(
        (leg, outcome) -> {
          if (outcome instanceof LegOutcome.Moved moved && moved.registered().registrations() > 0) {
            lines.add(leg + ": " + sentence(moved.registered()));
          }
        });
    return lines;
  }

  private static String sentence(RegistrationStats registered) {
    return String.format(
        Locale.ROOT,
        "%,d registrations took %.3f s, with %,d bytes pinned at most",
        registered.registrations(),
        registered.nanos() / 1e9,
        registered.mostBytes());
  }

  /** Why a guest has not come, or is not what it was. */
  private List<String> remarks() {
    List<String> remarks = new ArrayList<>();
    outcomes.forEach(
        (leg, outcome) -> {
          String remark = message(outcome);
          boolean isOfTransport = outcome instanceof LegOutcome.NotHere;
          if (!remark.isEmpty() && !(isOfTransport && leg.isMultifd())) {
            remarks.add((isOfTransport ? leg.scheme() : leg) + ": " + remark);
          }
        });
    return remarks;
  }

  private static String message(LegOutcome outcome) {
    return switch (outcome) {
      case LegOutcome.Moved moved -> moved.proof().isSound() ? "" : moved.proof().sentence();
      case LegOutcome.Failed failed -> failed.sentence();
      case LegOutcome.NotHere notHere -> notHere.reason();
    };
  }

  private List<Map<String, Object>> documents() {
    List<Map<String, Object>> documents = new ArrayList<>();
    outcomes.forEach((leg, outcome) -> documents.add(document(leg, outcome)));
    return documents;
  }

  private static Map<String, Object> document(Leg leg, LegOutcome outcome) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("scheme", leg.scheme());
    members.put("multifd-channels", leg.channels());
    members.put("message", message(outcome));
    switch (outcome) {
      case LegOutcome.Moved(
              MigrationStatistics statistics,
              long passes,
              RegistrationStats registered,
              GuestProof proof) -> {
        members.put("outcome", "completed");
        members.putAll(proof.members());
        members.put("total-seconds", statistics.totalSeconds());
        members.put("setup-seconds", statistics.setupSeconds());
        members.put("downtime-seconds", statistics.downtimeSeconds());
        members.put("bytes-per-second", rate(statistics));
        members.put("passes", passes);
        members.put("wire-bytes", statistics.wireBytes());
        members.put("normal-bytes", statistics.normalBytes());
        members.put("zero-bytes", statistics.zeroBytes());
        members.put("registrations", registered.registrations());
        members.put("registration-seconds", registered.nanos() / 1e9);
        members.put("registered-bytes", registered.mostBytes());
      }
      case LegOutcome.Failed failed -> members.put("outcome", "failed");
      case LegOutcome.NotHere notHere -> members.put("outcome", "unavailable");
    }
    return members;
  }

  private static double rate(MigrationStatistics statistics) {
    return statistics.totalSeconds() > 0 ? statistics.wireBytes() / statistics.totalSeconds() : 0;
  }
}
