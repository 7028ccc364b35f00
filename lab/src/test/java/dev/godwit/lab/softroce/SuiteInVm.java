package dev.godwit.lab.softroce;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.reporting.legacy.xml.LegacyXmlReportGeneratingListener;

/**
 * Runs test classes in a lab VM, one after another in this one JVM. Arguments: a directory for the
 * reports, the number of the VM, then the classes. Several VMs given the same directory and classes
 * share them out among themselves: who is free takes the next. Each class gets a report as the
 * host's runner writes it, and {@link Summary} says at the end how it went. Exits with 0 if all
 * passed, else 1.
 */
final class SuiteInVm {
  private static final String ENGINE = "junit-jupiter";

  private final Path reports;
  private final Launcher launcher = LauncherFactory.create();
  private final Progress progress = new Progress();

  private SuiteInVm(Path reports) {
    this.reports = reports;
  }

  public static void main(String[] arguments) throws Exception {
    SuiteInVm suite = new SuiteInVm(Path.of(arguments[0]));
    int vm = Integer.parseInt(arguments[1]);
    for (String name : Arrays.asList(arguments).subList(2, arguments.length)) {
      if (suite.isMine(name)) {
        suite.run(name);
      }
    }
    Summary summary = suite.progress.summary();
    summary.write(suite.reports, vm);
    // Threads that a test has left behind are its failure, and must not keep the VM.
    System.exit(summary.failed().isEmpty() ? 0 : 1);
  }

  /** One of the VMs makes the file, and it is the one that runs the class. */
  private boolean isMine(String name) throws IOException {
    try {
      Files.createFile(Files.createDirectories(reports.resolve("taken")).resolve(name));
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }

  private void run(String name) throws IOException, ClassNotFoundException {
    var request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(Class.forName(name, false, SuiteInVm.class.getClassLoader())))
            .filters(TagFilter.includeTags(SoftRoceTests.TAG), EngineFilter.includeEngines(ENGINE))
            .configurationParameter("junit.jupiter.execution.timeout.default", "300 s")
            .configurationParameter(
                "junit.jupiter.execution.timeout.thread.mode.default", "SEPARATE_THREAD")
            .build();
    Path own = Files.createDirectories(reports.resolve(name));
    launcher.execute(
        request,
        progress,
        new LegacyXmlReportGeneratingListener(
            own, new PrintWriter(System.err, true, StandardCharsets.UTF_8)));
    Files.move(own.resolve("TEST-" + ENGINE + ".xml"), SuiteVerdict.report(reports, name));
    Files.delete(own);
  }

  /** Says on standard output what runs, so that the last line tells where a JVM died. */
  private static final class Progress implements TestExecutionListener {
    private final List<String> failed = new ArrayList<>();
    private int ended;
    private long startNanos;

    Summary summary() {
      return new Summary(ended, failed);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
      if (test.isTest()) {
        startNanos = System.nanoTime();
        System.out.println("  " + name(test));
      }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      System.out.println("  " + name(test) + ": skipped, " + reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (test.isTest()) {
        ended++;
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
        System.out.println("    " + result.getStatus() + " after " + millis + " ms");
      }
      if (result.getStatus() == TestExecutionResult.Status.FAILED) {
        String why = result.getThrowable().map(Throwable::toString).orElse("no reason given");
        result.getThrowable().ifPresent(e -> e.printStackTrace(System.out));
        failed.add(name(test) + ": " + why.lines().findFirst().orElse(why));
      }
    }

    /** The parts of its unique id, which names the class where the display name does not. */
    private static String name(TestIdentifier test) {
      return test.getUniqueIdObject().getSegments().stream()
          .skip(1)
          .map(segment -> segment.getValue().replaceFirst("\\(\\)$", ""))
          .reduce((a, b) -> a + "." + b)
          .orElseGet(test::getDisplayName);
    }
  }
}
