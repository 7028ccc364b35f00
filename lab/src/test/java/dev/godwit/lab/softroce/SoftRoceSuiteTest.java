package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs every test with the tag {@value SoftRoceTests#TAG} in the lab VM, all in one JVM, and puts
 * its reports beside those of the host's runner. {@code -Dgodwit.softroce=EXPRESSION} chooses among
 * the classes. What the VM wrote stays in {@code target/softroce}.
 */
final class SoftRoceSuiteTest {
  private static final Duration LIMIT = Duration.ofMinutes(18);

  /**
   * An emulated processor, shared by both ends of everything, is so much slower than a real one.
   */
  private static final int SLOWNESS = 5;

  /** Room for a region of more than 2 GiB, all of it pinned. */
  private static final int MEMORY_MIB = 4096;

  private static final Path TARGET =
      Path.of(System.getProperty("basedir", "lab"), "target").toAbsolutePath();

  @Test
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void theTestsThatNeedADevicePassInTheVm() throws Exception {
    Path share = emptied(TARGET.resolve("softroce"));
    Path reports = Files.createDirectories(TARGET.resolve("surefire-reports"));
    remove(reports);
    List<String> classes = SoftRoceTests.classes();
    assertThat(classes).as("classes with the tag " + SoftRoceTests.TAG).isNotEmpty();

    int status;
    try {
      status = run(classes, share);
    } finally {
      // However the VM has ended, what was tested until then counts.
      for (Path report : reports(share)) {
        Files.copy(report, reports.resolve(report.getFileName()));
      }
    }

    Optional<Summary> summary = Summary.read(share);
    if (summary.isEmpty()) {
      fail(
          "The tests' JVM in the VM ended with status %d before its last test; %s has what it wrote, as does the output above: %s"
              .formatted(status, share, crashes(share)));
    }
    assertThat(summary.orElseThrow().failed())
        .as("tests that failed in the VM; %s has their reports", share)
        .isEmpty();
    assertThat(summary.orElseThrow().tests()).as("tests that ran in the VM").isPositive();
    assertThat(status).as("exit status of the tests' JVM in the VM").isZero();
  }

  private static int run(List<String> classes, Path share) throws Exception {
    VmOptions options =
        VmOptions.standard()
            .withMemory(MEMORY_MIB)
            .sharing(share)
            .keepingConsole(share.resolve("console"));
    Deadline deadline = Deadline.after(LIMIT);
    try (SoftRoceVm vm = SoftRoceVm.start(options)) {
      return vm.run(
          GuestCommand.of(command(vm.address(), classes, share)).in(share),
          System.out,
          System.err,
          deadline);
    }
  }

  private static List<String> command(String address, List<String> classes, Path share) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // The quick compiler and a collector without threads: an emulated processor has no time.
    command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData"));
    command.add("-XX:ErrorFile=" + share.resolve("hs_err_%p.log"));
    command.add("-Dgodwit.rdma.address=" + address);
    command.add("-Dgodwit.slowness=" + SLOWNESS);
    for (String property : List.of("godwit.full", "godwit.seed")) {
      Optional.ofNullable(System.getProperty(property))
          .ifPresent(value -> command.add("-D" + property + "=" + value));
    }
    command.addAll(List.of("-cp", SoftRoceTests.classPath(), SuiteInVm.class.getName()));
    command.add(share.toString());
    command.addAll(classes);
    return command;
  }

  private static List<Path> reports(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      String begin = "TEST-" + SoftRoceTests.TAG + ".";
      return files.filter(file -> file.getFileName().toString().startsWith(begin)).toList();
    }
  }

  private static List<Path> crashes(Path share) throws IOException {
    try (Stream<Path> files = Files.list(share)) {
      return files.filter(file -> file.getFileName().toString().startsWith("hs_err")).toList();
    }
  }

  /** Those of an earlier run must not be counted again. */
  private static void remove(Path reports) throws IOException {
    for (Path report : reports(reports)) {
      Files.delete(report);
    }
  }

  private static Path emptied(Path directory) throws IOException {
    if (Files.exists(directory)) {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    return Files.createDirectories(directory);
  }
}
