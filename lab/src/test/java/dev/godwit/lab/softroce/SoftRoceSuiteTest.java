package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProgram;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs every test with the tag {@value SoftRoceTests#TAG} in lab VMs, one JVM in each, and puts its
 * reports beside those of the host's runner. {@code -Dgodwit.softroce=EXPRESSION} chooses among the
 * classes. What the VMs wrote stays in {@code target/softroce}.
 */
final class SoftRoceSuiteTest {
  /** All cells take about twice as long as a sample. */
  private static final Duration LIMIT =
      Duration.ofMinutes(Boolean.getBoolean("godwit.full") ? 50 : 25);

  /** A VM that boots late on a busy machine is better than none. */
  private static final Duration START_LIMIT = Duration.ofMinutes(6);

  /** Each is one thread of the emulator, on a processor of the host's own. */
  private static final int VMS = 2;

  /**
   * An emulated processor, shared by both ends of everything, is so much slower than a real one.
   */
  private static final int SLOWNESS = 5;

  /** Room for a region of more than 2 GiB, all of it pinned. */
  private static final int MEMORY_MIB = 4096;

  /** One processor has one by default, and a test's virtual threads may not block all others. */
  private static final int CARRIERS = 2;

  private static final Path TARGET =
      Path.of(System.getProperty("basedir", "lab"), "target").toAbsolutePath();

  @Test
  @Timeout(value = 52, unit = TimeUnit.MINUTES)
  void theTestsThatNeedADevicePassInTheVm() throws Exception {
    Path share = emptied(TARGET.resolve("softroce"));
    Path reports = Files.createDirectories(TARGET.resolve("surefire-reports"));
    remove(reports);
    List<String> classes = SoftRoceTests.classes();
    SuiteVerdict verdict = new SuiteVerdict(share);
    try {
      run(classes, share, verdict);
    } finally {
      // However the VMs have ended, what was tested until then counts.
      for (Path report : reports(share)) {
        Files.copy(report, reports.resolve(report.getFileName()));
      }
    }
    assertThat(verdict.of(classes)).as("what went wrong in the VMs; %s has more", share).isEmpty();
  }

  private static void run(List<String> classes, Path share, SuiteVerdict verdict)
      throws IOException, InterruptedException {
    Deadline deadline = Deadline.after(LIMIT);
    try (ExecutorService runners = Executors.newFixedThreadPool(VMS)) {
      List<Future<Integer>> statuses =
          IntStream.rangeClosed(1, Math.min(VMS, classes.size()))
              .mapToObj(vm -> runners.submit(() -> run(vm, classes, share, deadline)))
              .toList();
      for (int i = 0; i < statuses.size(); i++) {
        try {
          verdict.vmEnded(i + 1, statuses.get(i).get());
        } catch (ExecutionException e) {
          verdict.vmFailed(i + 1, Objects.requireNonNullElse(e.getCause(), e));
        }
      }
    }
  }

  private static int run(int vm, List<String> classes, Path share, Deadline deadline)
      throws IOException, InterruptedException {
    VmOptions options =
        VmOptions.standard()
            .withMemory(MEMORY_MIB)
            .withCpus(1)
            .startingWithin(START_LIMIT)
            .sharing(share)
            .keepingConsole(share.resolve("console." + vm));
    String prefix = "[" + vm + "] ";
    PrefixedLines out = new PrefixedLines(prefix, System.out);
    PrefixedLines err = new PrefixedLines(prefix, System.err);
    try (SoftRoceVm running = SoftRoceVm.start(options)) {
      GuestCommand command =
          GuestCommand.of(command(running.address(), vm, classes, share))
              .in(share)
              .with("CLASSPATH", SoftRoceTests.classPath());
      return running.run(command, out, err, deadline);
    } finally {
      out.close();
      err.close();
    }
  }

  private static List<String> command(String address, int vm, List<String> classes, Path share) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // The quick compiler and a collector without threads: an emulated processor has no time.
    command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData"));
    command.add("-Djdk.virtualThreadScheduler.parallelism=" + CARRIERS);
    command.add("-XX:ErrorFile=" + share.resolve("hs_err_" + vm + "_%p.log"));
    command.add("-Dgodwit.rdma.address=" + address);
    command.add(GodwitProgram.option());
    command.add("-Dgodwit.slowness=" + SLOWNESS);
    for (String property : List.of("godwit.full", "godwit.seed")) {
      Optional.ofNullable(System.getProperty(property))
          .ifPresent(value -> command.add("-D" + property + "=" + value));
    }
    command.addAll(List.of(SuiteInVm.class.getName(), share.toString(), Integer.toString(vm)));
    command.addAll(classes);
    return command;
  }

  private static List<Path> reports(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      String begin = "TEST-" + SoftRoceTests.TAG + ".";
      return files.filter(file -> file.getFileName().toString().startsWith(begin)).toList();
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
