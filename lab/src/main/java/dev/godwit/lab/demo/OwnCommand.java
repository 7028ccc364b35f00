package dev.godwit.lab.demo;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The command that starts this program once more.
 *
 * @param start what its arguments follow
 */
record OwnCommand(List<String> start) {
  private static final String MAIN = "dev.godwit.migration.cli.Godwit";
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  /** The same Java, options and class path. */
  static OwnCommand ofThisProcess() {
    return new OwnCommand(find());
  }

  List<String> with(List<String> arguments) {
    List<String> command = new ArrayList<>(start);
    command.addAll(arguments);
    return command;
  }

  /** The same for {@code /bin/sh}, which is replaced by it. */
  String shell(List<String> arguments) {
    return "exec "
        + with(arguments).stream()
            .map(word -> "'" + word.replace("'", "'\\''") + "'")
            .collect(Collectors.joining(" "));
  }

  private static List<String> find() {
    try {
      // The kernel's own account has all of a class path, however long it is.
      String[] words =
          new String(Files.readAllBytes(COMMAND_LINE), Charset.defaultCharset()).split("\0");
      int main = List.of(words).indexOf(MAIN);
      if (main > 0) {
        List<String> found = new ArrayList<>(List.of(words).subList(0, main + 1));
        found.set(0, java());
        return found;
      }
    } catch (IOException e) {
      // Without /proc the properties have to do, as they do where a test runner is the program.
    }
    return List.of(
        java(),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path", "")),
        MAIN);
  }

  private static String java() {
    return Path.of(System.getProperty("java.home", ""), "bin", "java").toString();
  }
}
