package dev.godwit.lab.softroce;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What is to be said against a suite that was run in VMs. Silence is no success: a VM that wrote no
 * summary, and a class that has no report or no test, are spoken of.
 */
final class SuiteVerdict {
  private final Path directory;
  private final List<String> complaints = new ArrayList<>();

  /**
   * @param directory where the VMs have put summaries and reports
   */
  SuiteVerdict(Path directory) {
    this.directory = directory;
  }

  /** Where the report of a class belongs. */
  static Path report(Path directory, String name) {
    return directory.resolve("TEST-" + SoftRoceTests.TAG + "." + name + ".xml");
  }

  /** Takes what a VM's run of {@link SuiteInVm} has left. */
  void vmEnded(int vm, int status) throws IOException {
    Optional<Summary> summary = Summary.read(directory, vm);
    if (summary.isEmpty()) {
      complaints.add(
          "The tests' JVM in VM %d ended with status %d before its last test, and %s"
              .formatted(vm, status, crashes()));
      return;
    }
    List<String> failed = summary.get().failed();
    complaints.addAll(failed);
    if (failed.isEmpty() && status != 0) {
      complaints.add("All tests in VM %d passed, and its JVM ended with %d".formatted(vm, status));
    }
  }

  /** Takes why a VM has not run anything, or not to its end. */
  void vmFailed(int vm, Throwable why) {
    complaints.add("VM %d: %s".formatted(vm, why.getMessage()));
  }

  /** Each sentence says one thing that is wrong; none if every class ran and every test passed. */
  List<String> of(List<String> classes) throws IOException {
    List<String> all = new ArrayList<>(complaints);
    if (classes.isEmpty()) {
      all.add("No class has a test for the VM");
    }
    for (String name : classes) {
      Path report = report(directory, name);
      if (!Files.exists(report)) {
        all.add(name + " was not run to its end in any VM");
      } else if (Files.readString(report).contains(" tests=\"0\"")) {
        all.add(name + " ran in a VM without a test");
      }
    }
    return all;
  }

  private String crashes() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      List<Path> errors =
          files.filter(file -> file.getFileName().toString().startsWith("hs_err")).toList();
      return errors.isEmpty() ? "left no error file" : "left " + errors;
    }
  }
}
