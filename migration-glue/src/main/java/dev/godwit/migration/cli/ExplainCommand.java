package dev.godwit.migration.cli;

import dev.godwit.migration.qemu.NearestName;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "explain",
    header = "Explains a setting of a migration: unit, default, range, versions.",
    description =
        "Explains what a migration parameter or capability does, of QEMU and of Godwit's own engine."
            + " Without a name it lists all.")
final class ExplainCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "PARAMETER",
      description = "A parameter or capability by QEMU's name, such as downtime-limit")
  private String name = "";

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws CommandFailure {
    Map<String, Explanation> all = Explanation.all();
    if (name.isEmpty()) {
      list(all.values());
      return ExitCode.DONE.code();
    }
    Explanation one = all.get(name);
    if (one == null) {
      throw new CommandFailure(ExitCode.USAGE, unknown(name, all.keySet()));
    }
    output.line(one.name() + ": " + one.meaning());
    one.facts().forEach((label, fact) -> output.line("  %-10s %s".formatted(label, fact)));
    output.document("explain", Map.of("parameters", List.of(one.members())));
    return ExitCode.DONE.code();
  }

  private void list(Collection<Explanation> all) {
    Columns columns = new Columns(4, "parameter", "default", "unit", "versions");
    for (Explanation one : all) {
      Explanation.Taken taken = one.inEngine().orElseGet(one::taken);
      columns.row(one.name(), taken.initial(), taken.unit(), one.versions());
    }
    columns.lines().forEach(output::line);
    output.document(
        "explain", Map.of("parameters", all.stream().map(Explanation::members).toList()));
  }

  private static String unknown(String name, Collection<String> names) {
    List<String> near = names.stream().filter(known -> known.contains(name)).sorted().toList();
    if (near.isEmpty()) {
      near = NearestName.of(name, names).stream().toList();
    }
    String hint =
        switch (near.size()) {
          case 0 -> "'godwit explain' lists them all";
          case 1 -> "the nearest is " + near.getFirst();
          default -> "near it are " + String.join(", ", near);
        };
    return "There is no parameter or capability '%s'; %s".formatted(Printable.of(name), hint);
  }
}
