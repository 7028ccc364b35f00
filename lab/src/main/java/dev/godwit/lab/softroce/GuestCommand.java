package dev.godwit.lab.softroce;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A command for the lab VM. It runs as root with no limit on locked memory and an empty standard
 * input.
 *
 * @param words the program, found in the VM's PATH if it has no slash, and its arguments
 * @param directory it starts in
 * @param environment in addition to PATH, HOME and a UTF-8 locale
 */
public record GuestCommand(List<String> words, Path directory, Map<String, String> environment) {
  private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** Refuses what no shell could start. */
  public GuestCommand {
    words = List.copyOf(words);
    environment = Map.copyOf(environment);
    if (words.isEmpty()) {
      throw new IllegalArgumentException("A command has at least one word");
    }
    environment
        .keySet()
        .forEach(
            name -> {
              if (!VARIABLE.matcher(name).matches()) {
                throw new IllegalArgumentException("'" + name + "' is no name of a variable");
              }
            });
    if (words.stream().anyMatch(GuestCommand::isUnspeakable)
        || environment.values().stream().anyMatch(GuestCommand::isUnspeakable)) {
      throw new IllegalArgumentException("A command holds no NUL");
    }
  }

  /** A command that starts in the root directory. */
  public static GuestCommand of(String... words) {
    return of(List.of(words));
  }

  /** A command that starts in the root directory. */
  public static GuestCommand of(List<String> words) {
    return new GuestCommand(words, Path.of("/"), Map.of());
  }

  /** Lines for {@code /bin/sh}, that starts in the root directory. */
  public static GuestCommand shell(String lines) {
    return of("/bin/sh", "-c", lines);
  }

  /** The same, started in another directory. */
  public GuestCommand in(Path other) {
    return new GuestCommand(words, other.toAbsolutePath(), environment);
  }

  /** The same with one more variable in its environment. */
  public GuestCommand with(String variable, String value) {
    Map<String, String> more = new LinkedHashMap<>(environment);
    more.put(variable, value);
    return new GuestCommand(words, directory, more);
  }

  /** A script for {@code /bin/sh} that becomes this command. */
  String script() {
    StringBuilder script = new StringBuilder();
    script.append("cd ").append(quoted(directory.toString())).append(" || exit 126\n");
    environment.forEach(
        (name, value) ->
            script.append("export ").append(name).append('=').append(quoted(value)).append('\n'));
    return script
        .append("exec ")
        .append(words.stream().map(GuestCommand::quoted).collect(Collectors.joining(" ")))
        .append('\n')
        .toString();
  }

  /** One word for {@code /bin/sh}, whatever is in it. */
  static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  private static boolean isUnspeakable(String text) {
    return text.indexOf('\0') >= 0;
  }
}
