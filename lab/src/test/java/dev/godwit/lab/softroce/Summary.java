package dev.godwit.lab.softroce;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How the suite in a VM ended.
 *
 * @param tests that have ended, however
 * @param failed a line for each that failed
 */
record Summary(int tests, List<String> failed) {
  private static final String FILE = "summary.";

  Summary {
    failed = List.copyOf(failed);
  }

  void write(Path directory, int vm) throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add(Integer.toString(tests));
    lines.addAll(failed);
    Files.write(directory.resolve(FILE + vm), lines);
  }

  /** Empty if that VM's suite did not come to its end. */
  static Optional<Summary> read(Path directory, int vm) throws IOException {
    Path file = directory.resolve(FILE + vm);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    List<String> lines = Files.readAllLines(file);
    return Optional.of(
        new Summary(Integer.parseInt(lines.getFirst()), lines.subList(1, lines.size())));
  }
}
