package dev.godwit.migration.cli;

import dev.godwit.transport.Layer;
import dev.godwit.transport.Transport;
import dev.godwit.transport.Transports;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "transports",
    header = "Lists the schemes that this host can serve, and why not.",
    description =
        "Lists schemes with what this host has for them and lacks, their settings, and the layers that any URI may name after a question mark.")
final class TransportsCommand implements Callable<Integer> {
  @Mixin private final Output output = new Output();

  @Override
  public Integer call() {
    Transports transports = Transports.load();
    List<Object> schemes = new ArrayList<>();
    for (Transport transport : transports.all()) {
      TransportLines.of(transport).forEach(output::line);
      schemes.add(TransportLines.members(transport));
    }
    output.line("");
    output.line("Layers, in any URI after a question mark:");
    List<Object> layers = new ArrayList<>();
    for (Layer layer : transports.layers()) {
      output.line(String.format("  %-9s %s", layer.key(), layer.grammar()));
      new TreeMap<>(layer.settings())
          .forEach(
              (key, meaning) -> output.line(String.format("            %-17s %s", key, meaning)));
      layers.add(
          Map.of("key", layer.key(), "grammar", layer.grammar(), "settings", layer.settings()));
    }
    output.document("transports", Map.of("transports", schemes, "layers", layers));
    return ExitCode.DONE.code();
  }
}
