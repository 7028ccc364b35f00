package dev.godwit.migration.cli;

import java.io.PrintStream;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Option;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** What every command prints where: results on stdout, everything else on stderr. */
final class Output {
  /** The version of everything that {@code --json} prints. */
  static final String SCHEMA = "godwit/1";

  private static final ObjectMapper JSON = JsonMapper.builder().build();

  @Option(
      names = "--json",
      description =
          "Print results as one JSON document a line (schema " + SCHEMA + "; bytes and seconds)")
  private boolean json;

  @Option(
      names = {"-q", "--quiet"},
      description = "Say nothing but errors and results")
  private boolean quiet;

  @Option(
      names = {"-v", "--verbose"},
      description = "Say more")
  private boolean verbose;

  private final PrintStream out = System.out;
  private final PrintStream err = System.err;

  boolean isJson() {
    return json;
  }

  boolean isQuiet() {
    return quiet;
  }

  boolean isVerbose() {
    return verbose;
  }

  /** A result for people; nothing with {@code --json}. */
  void line(String text) {
    if (!json) {
      out.println(text);
      out.flush();
    }
  }

  /** A result for programs; nothing without {@code --json}. */
  void document(String command, Map<String, ?> members) {
    if (json) {
      Map<String, Object> document = new TreeMap<>(members);
      document.put("schema", SCHEMA);
      document.put("command", command);
      out.println(JSON.writeValueAsString(document));
      out.flush();
    }
  }

  /** Something worth knowing that is no result. */
  void note(String text) {
    if (!quiet) {
      err.println(text);
    }
  }

  PrintStream err() {
    return err;
  }
}
