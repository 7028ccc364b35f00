package dev.godwit.migration.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** What every command prints where: results on stdout, everything else on stderr. */
public final class Output {
  /** The version of everything that {@code --json} prints. */
  static final String SCHEMA = "godwit/1";

  /** What others wrote may be among the results, and a terminal may show them. */
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private static final String JSON_OPTION = "--json";

  @Option(
      names = JSON_OPTION,
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

  /** For a command, as a mixin that picocli fills. */
  public Output() {}

  public boolean isJson() {
    return json;
  }

  public boolean isQuiet() {
    return quiet;
  }

  public boolean isVerbose() {
    return verbose;
  }

  /** A result for people; nothing with {@code --json}. */
  public void line(String text) {
    if (!json) {
      out.println(text);
      out.flush();
    }
  }

  /** A result for programs; nothing without {@code --json}. */
  public void document(String command, Map<String, ?> members) {
    if (json) {
      print(command, members);
    }
  }

  /**
   * Says on stderr why a command ended before it had a result, and as a document too if its
   * arguments ask for that.
   *
   * @param args of the whole command line
   */
  static void failure(CommandLine line, List<String> args, ExitCode code, String sentence) {
    line.getErr().println(line.getCommandSpec().qualifiedName() + ": " + sentence);
    if (args.contains(JSON_OPTION)) {
      Map<String, Object> members =
          Map.of("outcome", "refused", "message", sentence, "exit-code", code.code());
      print(line.getCommandSpec().name(), members);
    }
  }

  private static void print(String command, Map<String, ?> members) {
    Map<String, Object> document = new TreeMap<>(members);
    document.put("schema", SCHEMA);
    document.put("command", command);
    System.out.println(JSON.writeValueAsString(document));
    System.out.flush();
  }

  /** Something worth knowing that is no result. */
  public void note(String text) {
    if (!quiet) {
      err.println(text);
    }
  }

  PrintStream err() {
    return err;
  }
}
